const RAISED: Readonly<Record<string, string>> = Object.fromEntries(
  [..."abcdefghijklmnoprstuvwxyz"].map((letter, i) => [letter, [..."ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"][i]]),
);

/** A footnote's letter in its raised Unicode form. */
export function raisedLetters(letters: string): string {
  return [...letters].map((letter) => RAISED[letter] ?? letter).join("");
}
