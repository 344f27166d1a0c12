/** The text for a person waiting for a slot; number 1 is next. */
export function placeWords(number: number): string {
  return number === 1
    ? 'All hands are busy. You are next; I start by myself.'
    : `All hands are busy. You are number ${number} in the line; I start by myself.`;
}
