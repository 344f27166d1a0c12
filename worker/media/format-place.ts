/** The text for a person waiting for a slot; number 1 is next. */
export function placeWords(number: number): string {
  return number === 1
    ? 'I am busy with other work. You are next, and I start by myself.'
    : `I am busy with other work. You are number ${number} in the line, and I start by myself.`;
}
