/** An E.164 number with the blanks people read it by; numbers outside North America in groups of three. */
export function formatNumber(number: string): string {
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  if (american) return `+1 ${american.slice(1).join(' ')}`;
  return number.replace(/^(\+\d{2})/, '$1 ').replace(/(\d{3})(?=\d{2,})/g, '$1 ');
}

/** What a person typed, without blanks, dots, dashes and brackets; null when it is not an E.164 number then. */
export function parseNumber(typed: string): string | null {
  const number = typed.replace(/[\s().-]/g, '').replace(/^00/, '+');
  return /^\+[1-9]\d{6,14}$/.test(number) ? number : null;
}
