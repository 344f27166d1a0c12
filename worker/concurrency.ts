/**
 * Memory of a working agent with its browser, and of everything else on the machine (bytes): Claude
 * Code takes about 200 MB, Chromium with a page or two the rest.
 */
const agentBytes = 700e6;
/** Memory of a live agent, or of its browser with a page. */
const liveBytes = agentBytes / 2;
const restBytes = 1e9;

const mostAgents = 16;

/**
 * How many conversations a machine works at once, from its memory in bytes: at least 1, at most 16.
 * `constrained` is a container's memory limit (Node's `process.constrainedMemory()`: 0 when there
 * is no limit or none is known, or more than any machine has).
 */
export function maxAgents(total: number, constrained: number): number {
  return limit(total, constrained, agentBytes, mostAgents);
}

/**
 * Limit on live processes: working, idle and prewarmed together, where an open browser counts as
 * one more; from the same figures. At least 1, at most 32.
 */
export function maxLiveAgents(total: number, constrained: number): number {
  return limit(total, constrained, liveBytes, 2 * mostAgents);
}

function limit(total: number, constrained: number, each: number, most: number): number {
  const bytes = constrained > 0 ? Math.min(total, constrained) : total;
  return Math.min(Math.max(Math.floor((bytes - restBytes) / each), 1), most);
}
