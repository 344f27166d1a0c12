/**
 * The first line of the code fence open at the end of a text, given the `fence` open at its start;
 * undefined if none is open.
 */
export function fenceAfter(text: string, fence?: string): string | undefined {
  return text
    .split('\n')
    .reduce<string | undefined>((open, line) => fenceAfterLine(line, open), fence);
}

/**
 * Like fenceAfter, for one line. In WhatsApp the next three backticks close what the last ones
 * opened, whatever follows them.
 */
export function fenceAfterLine(line: string, open: string | undefined): string | undefined {
  if (!/^\s*```[^`]*$/.test(line)) return open;
  return open === undefined ? line.trim() : undefined;
}

/**
 * Maps the lines of a text outside its code fences; lines inside, and the fences themselves, stay
 * unchanged.
 */
export function mapLines(text: string, change: (line: string, row: number) => string): string {
  let open: string | undefined;
  return text
    .split('\n')
    .map((line, row) => {
      const before = open;
      open = fenceAfterLine(line, open);
      return before === undefined && open === undefined ? change(line, row) : line;
    })
    .join('\n');
}
