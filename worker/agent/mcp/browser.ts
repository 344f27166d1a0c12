import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const applications = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/**
 * Finds a Chromium or Chrome: on the PATH, in macOS's application directory, or Playwright's own.
 * Undefined without one.
 */
export async function findChromium(searchPath: string): Promise<string | undefined> {
  const candidates = searchPath
    .split(path.delimiter)
    .flatMap((directory) => names.map((name) => path.join(directory, name)));
  const found = [...candidates, ...applications].find(isExecutable);
  if (found) return found;
  const { chromium } = await import('playwright');
  return [chromium.executablePath()].find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The command for the Playwright MCP server: headless, without a persistent profile, screenshots in
 * `imagesDir`. Chromium's own sandbox is off: it needs privileges that a container's user lacks,
 * and the VM is the boundary.
 */
export function browserCommand(
  chromium: string | undefined,
  imagesDir: string,
): { command: string; args: string[] } {
  const cli = path.join(
    path.dirname(createRequire(import.meta.url).resolve('@playwright/mcp/package.json')),
    'cli.js',
  );
  return {
    command: process.execPath,
    args: [
      cli,
      '--headless',
      '--no-sandbox',
      '--isolated',
      '--output-dir',
      imagesDir,
      '--file-paths',
      'absolute',
      ...(chromium ? ['--executable-path', chromium] : []),
    ],
  };
}
