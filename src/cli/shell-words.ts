/** Words as one line that a POSIX shell reads back as the same words. */
export function words(list: readonly string[]): string {
  return list
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

/** The words without an option that takes no value. */
export function withoutOption(list: readonly string[], option: string): string[] {
  return list.filter((word) => word !== option);
}
