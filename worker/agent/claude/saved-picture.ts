/** Whether a tool takes screenshots of the page. */
export function takesPicture(tool: string): boolean {
  return tool.endsWith('browser_take_screenshot');
}

/**
 * The path of the screenshot named in that tool's result; or undefined. `content`
 * is the result's content as in MCP or the Messages API.
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
 * Parses Playwright MCP's line about a saved screenshot. The path is absolute because of
 * `--file-paths absolute`. The label comes from the page and may itself contain the line's
 * delimiters: the path starts after the last delimiter that is followed by a slash.
 */
function pathOf(line: string): string | undefined {
  if (!line.startsWith('- [Screenshot of ') || !line.endsWith(')')) return undefined;
  const at = line.lastIndexOf('](/');
  const path = at < 0 ? '' : line.slice(at + 2, -1);
  return path.length > 1 ? path : undefined;
}
