/**
 * What an estimate and a score multiply, ten numbers per endpoint side by side in one Float64Array (row e starts at
 * `ROW * e`): a pass over the endpoints reads one array instead of ten, which is a third faster.
 */
export const ROW = 10;
/** Seconds of the estimate: fixed, per queued prompt token, per own prompt token, per output. */
export const FIXED = 0;
export const WAIT = 1;
export const PROMPT = 2;
export const STEP = 3;
/** Seconds of the network, both ways. */
export const NETWORK = 4;
/** Cost in USD per own prompt token and per output. */
export const USD_PROMPT = 5;
export const USD_OUTPUT = 6;
/** Carbon in g at the intensity fetched last, per own prompt token and per output. */
export const GRAMS_PROMPT = 7;
export const GRAMS_OUTPUT = 8;
