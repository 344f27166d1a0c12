/**
 * An E.164 number with the blanks people read it by; numbers outside North America in groups of
 * three. A user id stays as it is.
 */
export function formatNumber(number: string): string {
  if (!number.startsWith('+')) return number;
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  if (american) return `+1 ${american.slice(1).join(' ')}`;
  return number.replace(/^(\+\d{2})/, '$1 ').replace(/(\d{3})(?=\d{2,})/g, '$1 ');
}

/**
 * What a person typed, without blanks, dots, dashes and brackets; undefined when it is not an E.164
 * number then. A WhatsApp user id is taken as it is.
 */
export function parseNumber(typed: string): string | undefined {
  if (/^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/.test(typed.trim())) return typed.trim();
  const number = typed.replace(/[\s().-]/g, '').replace(/^00/, '+');
  return /^\+[1-9]\d{6,14}$/.test(number) ? number : undefined;
}
