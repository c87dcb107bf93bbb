/**
 * What a counter grew by between two times, in the counter's unit; null where its samples do not tell.
 *
 * A meter refreshes its counter every 20 to 100 ms and is sampled in between, so a single sample may be a refresh period
 * old. The counter's value at a time is therefore interpolated between the two *changes* of the counter around it; a
 * change happened between two samples, at their midpoint on average.
 *
 * @param seconds times of the samples, increasing; NaN where the meter gave nothing
 * @param counter samples; NaN is skipped
 * @returns null where a boundary does not lie between two changes, or the counter fell (it was reset)
 */
export function energyBetween(
  seconds: ArrayLike<number>,
  counter: ArrayLike<number>,
  from: number,
  to: number,
): number | null {
  const begin = valueAt(seconds, counter, from);
  const end = valueAt(seconds, counter, to);
  if (begin === null || end === null || end.value < begin.value) return null;
  let last = Number.NEGATIVE_INFINITY;
  for (let i = begin.sample; i <= end.sample; i++) {
    if (!(counter[i] >= last) && !Number.isNaN(counter[i])) return null;
    if (counter[i] > last) last = counter[i];
  }
  return end.value - begin.value;
}

/** The counter at a time, and the sample that shows the change after it (before it for nothing but the search). */
function valueAt(
  seconds: ArrayLike<number>,
  counter: ArrayLike<number>,
  time: number,
): { value: number; sample: number } | null {
  let previous = -1;
  let changeSeconds = Number.NaN;
  let changeValue = Number.NaN;
  for (let i = 0; i < counter.length; i++) {
    if (Number.isNaN(counter[i]) || Number.isNaN(seconds[i])) continue;
    if (previous === -1 || counter[i] === counter[previous]) {
      previous = i;
      continue;
    }
    const at = (seconds[previous] + seconds[i]) / 2;
    if (at >= time) {
      if (Number.isNaN(changeSeconds)) return null;
      const share = (time - changeSeconds) / (at - changeSeconds);
      return { value: changeValue + share * (counter[i] - changeValue), sample: i };
    }
    changeSeconds = at;
    changeValue = counter[i];
    previous = i;
  }
  return null;
}

/** Samples further apart than this leave a gap that nothing may be made of. */
const LONGEST_GAP_SECONDS = 1;

/**
 * Integral of momentary power between two times by trapezoids, in the power's unit x s; null where samples do not reach
 * over both ends or leave a gap of more than a second.
 *
 * @param seconds times of the samples, increasing; NaN where the meter gave nothing
 * @param power samples; NaN is skipped
 */
export function integralBetween(
  seconds: ArrayLike<number>,
  power: ArrayLike<number>,
  from: number,
  to: number,
): number | null {
  let sum = 0;
  let previous = -1;
  let began = false;
  for (let i = 0; i < power.length; i++) {
    if (Number.isNaN(power[i]) || Number.isNaN(seconds[i])) continue;
    if (previous !== -1 && seconds[i] > from && seconds[previous] <= to) {
      if (seconds[i] - seconds[previous] > LONGEST_GAP_SECONDS) return null;
      if (!began && seconds[previous] > from) return null;
      began = true;
      const slope = (power[i] - power[previous]) / (seconds[i] - seconds[previous]);
      const at = (time: number) => power[previous] + slope * (time - seconds[previous]);
      const left = Math.max(from, seconds[previous]);
      const right = Math.min(to, seconds[i]);
      sum += ((at(left) + at(right)) / 2) * (right - left);
    }
    if (seconds[i] >= to) return began ? sum : null;
    previous = i;
  }
  return null;
}
