/** Whether a tool is the one that photographs the page. */
export function takesPicture(tool: string): boolean {
  return tool.endsWith('browser_take_screenshot');
}

/**
 * The path of the picture that a result of that tool names; undefined when it names none. `content`
 * is the result's, as MCP or the Messages API has it.
 */
export function savedPicture(content: unknown): string | undefined {
  const blocks: unknown[] = Array.isArray(content) ? content : [content];
  const texts = blocks.map((block) =>
    typeof block === 'object' && block !== null && 'text' in block
      ? String(block.text)
      : typeof block === 'string'
        ? block
        : '',
  );
  for (const line of texts.join('\n').split('\n')) {
    const path = pathOf(line);
    if (path !== undefined) return path;
  }
  return undefined;
}

/**
 * Playwright MCP's line about a picture that it has saved: the label may hold any words, the path
 * is absolute since `--file-paths absolute` says so. The label is the page's, which may hold the
 * line's own signs: the path begins after the first of those that are followed by a slash.
 */
function pathOf(line: string): string | undefined {
  if (!line.startsWith('- [Screenshot of ') || !line.endsWith(')')) return undefined;
  const at = line.lastIndexOf('](/');
  const path = at < 0 ? '' : line.slice(at + 2, -1);
  return path.length > 1 ? path : undefined;
}
