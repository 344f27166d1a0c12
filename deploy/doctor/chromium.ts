import { findChromium } from '../../worker/agent/mcp/browser.ts';
import { ok, problem } from './finding.ts';
import type { Finding } from './finding.ts';

const about = 'Chromium';
const patience = 30_000;

/**
 * Starts the agent's browser headless, opens an empty page and closes it.
 * @param given CHROMIUM_PATH.
 */
export async function checkChromium(
  given: string | undefined,
  searchPath: string,
): Promise<Finding> {
  const executable = given ?? (await findChromium(searchPath));
  if (!executable)
    return problem(
      about,
      'not found',
      'Install it (Debian: apt-get install chromium; else: npx playwright install --with-deps chromium), or set CHROMIUM_PATH.',
    );
  const { chromium } = await import('playwright');
  try {
    const browser = await chromium.launch({
      executablePath: executable,
      headless: true,
      timeout: patience,
    });
    try {
      await (await browser.newPage()).goto('about:blank');
      return ok(about, `version ${browser.version()} starts`);
    } finally {
      await browser.close();
    }
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    return problem(
      about,
      `${executable} does not start: ${reason}`,
      'Run it by hand with --headless --no-sandbox --dump-dom about:blank; libraries that are missing come with: npx playwright install-deps chromium',
    );
  }
}
