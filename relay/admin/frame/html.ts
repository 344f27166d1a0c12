/** A piece of HTML that may stand in a page as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * A value in a template: text and numbers are escaped, pieces of HTML and lists of them are not;
 * undefined, null and false render as nothing.
 */
export type HtmlValue = Html | string | number | undefined | null | false | readonly Html[];

/** Builds HTML from a template. Escapes every value that is not HTML already. */
export function html(pieces: TemplateStringsArray, ...values: HtmlValue[]): Html {
  return new Html(
    pieces.reduce((whole, piece, index) => whole + render(values[index - 1]) + piece),
  );
}

function render(value: HtmlValue): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'string') return escape(value);
  if (typeof value === 'number') return String(value);
  return value ? value.map((piece) => piece.text).join('') : '';
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
