import path from 'node:path';
import { z } from 'zod';
import type { Log } from '../../../shared/runtime/log.ts';
import { FileProblem } from '../sandbox/files.ts';
import type { AgentFiles } from '../sandbox/files.ts';

/** The largest that is read (bytes); Claude Code's own has some 100 kB after long use. */
const largest = 16 * 1024 * 1024;

const GlobalConfig = z.looseObject({ env: z.unknown().optional() });

/**
 * Takes the variables out of Claude Code's `.claude.json` before a process reads them: they would
 * come over the worker's, any name among them, and Claude Code has no lock for it. The file is
 * Claude Code's memory, so the rest stays. What is no such file is left to Claude Code. Never
 * throws.
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
      'took variables out of Claude Code’s own settings: they are the worker’s to set',
    );
  } catch (error) {
    if (error instanceof FileProblem && error.kind === 'missing') return;
    log.warn({ file, err: error }, 'Claude Code’s own settings were not looked through');
  }
}
