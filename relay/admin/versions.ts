import { readManifest } from '../../shared/runtime/version.ts';

/**
 * The versions of this system, of Node, and of Claude Code, which the worker of the same release
 * runs.
 */
export function readVersions(): [name: string, version: string][] {
  const { version, dependencies } = readManifest();
  const agent = dependencies['@anthropic-ai/claude-agent-sdk'];
  return [
    ['Sidepocket', version],
    ['Node.js', process.versions.node],
    ...(agent ? [['Claude Agent SDK', agent] satisfies [string, string]] : []),
    ['BullMQ', dependencies['bullmq'] ?? 'unknown'],
  ];
}
