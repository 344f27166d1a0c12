import { readFileSync } from 'node:fs';
import { z } from 'zod';

const Manifest = z.object({ version: z.string(), dependencies: z.record(z.string(), z.string()) });

/**
 * The versions of this system, of Node, and of Claude Code, which the worker of the same release
 * runs.
 */
export function readVersions(): [name: string, version: string][] {
  const { version, dependencies } = Manifest.parse(
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')),
  );
  const agent = dependencies['@anthropic-ai/claude-agent-sdk'];
  return [
    ['Sidepocket', version],
    ['Node.js', process.versions.node],
    ...(agent ? [['Claude Agent SDK', agent] satisfies [string, string]] : []),
    ['BullMQ', dependencies['bullmq'] ?? 'unknown'],
  ];
}
