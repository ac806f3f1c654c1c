/** The words that the counting agent writes under a name; now and then a letter beyond ASCII, cut between its halves. */
export function countedWords(name: string, count: number): string[] {
  const words: string[] = [];
  for (let index = 0; index < count; index += 1) {
    if (index % 10 !== 9) words.push(`${name}${index} `);
    // U+1F600 as two tokens: a model's stream may cut it there.
    else words.push(`${name}${index}é\uD83D`, "\uDE00 ");
  }
  return words;
}
