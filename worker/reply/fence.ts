/**
 * The first line of the code fence that is open at the end of a text, when `fence` was open where
 * it began; undefined when none is.
 */
export function fenceAfter(text: string, fence?: string): string | undefined {
  return text
    .split('\n')
    .reduce<string | undefined>((open, line) => fenceAfterLine(line, open), fence);
}

/**
 * The same after one line. In WhatsApp the next three backticks close what the last ones opened,
 * whatever follows them.
 */
export function fenceAfterLine(line: string, open: string | undefined): string | undefined {
  if (!/^\s*```[^`]*$/.test(line)) return open;
  return open === undefined ? line.trim() : undefined;
}

/**
 * Changes the lines of a text outside of its code fences; those within, and the fences themselves,
 * stay at the left edge as they are.
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
