import { callTool, text } from '../answer.ts';
import { refusedWords } from './refused.ts';
import type { Story } from './story.ts';

const askedPattern =
  /\bscreen ?shot\b|^(?:please +)?open +(?:https?:\/\/)?\S+\.\S+|^(?:please +)?open +(?:https?:\/\/)?localhost/im;
const addressPattern =
  /\bhttps?:\/\/[^\s<>"']+|\b(?:localhost|(?:[a-z0-9-]+\.)+[a-z0-9]{2,})(?::\d+)?(?:\/[^\s<>"']*)?/i;
/**
 * How Playwright MCP 0.0.83 names the file it saved: `- [Screenshot of
 * viewport](/absolute/path.png)`.
 */
const savedPattern = /\[Screenshot of [^\]]*\]\(([^)\n]+)\)/;
const titlePattern = /^- Page Title: *(.+)$/m;

/** `take a screenshot of URL`: opens the page in the real browser, saves a picture and sends it. */
export const screenshot: Story = {
  matches: (asked) => askedPattern.test(asked),
  next(view, asked) {
    const { results } = view;
    const refused = refusedWords(view);
    if (refused !== undefined) return text(refused);
    const address = findAddress(asked);
    if (address === undefined)
      return text('Which page? Write for example: take a screenshot of https://example.com');
    const failed = results.find(({ isError }) => isError);
    if (failed) return text(`I could not do that: ${firstError(failed.text)}`);
    const opened = results.find(({ name }) => name === 'mcp__playwright__browser_navigate');
    if (!opened) return callTool('mcp__playwright__browser_navigate', { url: address });
    const taken = results.find(({ name }) => name === 'mcp__playwright__browser_take_screenshot');
    if (!taken) return callTool('mcp__playwright__browser_take_screenshot', {});
    const path = savedPattern.exec(taken.text)?.[1];
    if (path === undefined)
      return text('The browser took a picture but did not say where it saved it.');
    const title = titlePattern.exec(opened.text)?.[1]?.trim();
    const sent = results.some(({ name }) => name === 'mcp__whatsapp__send_file');
    const named = title ? ` The page's title is “${title}”.` : '';
    if (sent) return text(`Here is ${address}.${named}`);
    return callTool('mcp__whatsapp__send_file', { path, ...(title ? { caption: title } : {}) });
  },
};

/**
 * The first web address in a text, with a scheme added if the person omitted it; undefined without
 * an address.
 */
export function findAddress(asked: string): string | undefined {
  const found = addressPattern.exec(asked)?.[0]?.replace(/[.,;:!?)]+$/, '');
  if (found === undefined) return undefined;
  if (/^https?:/i.test(found)) return found;
  return `${/^(?:localhost|127\.)/.test(found) ? 'http' : 'https'}://${found}`;
}

/**
 * The line of a tool's error that describes the failure, without the heading and the call's
 * internal name.
 */
function firstError(report: string): string {
  const line =
    report.split('\n').find((part) => part.trim() !== '' && !part.startsWith('#')) ??
    'the tool failed';
  return line.replace(/^(?:Error: )?(?:[\w.]+: )?/, '').trim();
}
