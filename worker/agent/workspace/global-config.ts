import path from 'node:path';
import { z } from 'zod';
import type { Log } from '../../../shared/runtime/log.ts';
import { FileProblem } from '../sandbox/files.ts';
import type { AgentFiles } from '../sandbox/files.ts';

/** Read limit (bytes); Claude Code's own file has some 100 kB after long use. */
const largest = 16 * 1024 * 1024;

const GlobalConfig = z.looseObject({ env: z.unknown().optional() });

/**
 * Removes the variables from Claude Code's `.claude.json` before a process reads them: they would
 * override any of the worker's, and Claude Code has no lock for it. The rest stays, because the
 * file is Claude Code's memory. An invalid file is left to Claude Code. Never throws.
 */
export async function cleanGlobalConfig(
  files: AgentFiles,
  directory: string,
  log: Log,
): Promise<void> {
  const file = path.join(directory, '.claude.json');
  try {
    const text = (await files.read(file, largest)).toString('utf8');
    const { env, ...rest } = GlobalConfig.parse(JSON.parse(text));
    if (env === undefined) return;
    await files.write(file, Buffer.from(JSON.stringify(rest, null, 2)), 0o600);
    log.warn(
      { file },
      'removed variables from Claude Code’s own settings: only the worker sets them',
    );
  } catch (error) {
    if (error instanceof FileProblem && error.kind === 'missing') return;
    log.warn({ file, err: error }, 'checking Claude Code’s own settings failed');
  }
}
