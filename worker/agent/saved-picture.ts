/** Playwright MCP's line about a picture that it has saved: the label may hold any words, the path is absolute since `--file-paths absolute` says so. */
const savedLine = /^- \[Screenshot of .*\]\((\/.+)\)$/m;

/** Whether a tool is the one that photographs the page. */
export function takesPicture(tool: string): boolean {
  return tool.endsWith('__browser_take_screenshot');
}

/** The path of the picture that a result of that tool names; undefined when it names none. `content` is the result's, as the Messages API has it. */
export function savedPicture(content: unknown): string | undefined {
  const blocks: unknown[] = Array.isArray(content) ? content : [content];
  const texts = blocks.map((block) => (typeof block === 'object' && block !== null && 'text' in block ? String(block.text) : typeof block === 'string' ? block : ''));
  return savedLine.exec(texts.join('\n'))?.[1];
}
