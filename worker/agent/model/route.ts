/**
 * A request that Claude Code may send to the model's service. `target` is the path and query to
 * forward, rebuilt rather than copied from the client.
 */
export type ModelRoute = { kind: 'messages' | 'count-tokens' | 'models'; target: string };

/** A model's id, as in `/v1/models/claude-opus-5-5`. */
const modelPath = /^\/v1\/models(\/[A-Za-z0-9][A-Za-z0-9_-]*(?:[.:@][A-Za-z0-9_-]+)*)?$/;

/** Queries that only select the page of a list. */
const modelQuery =
  /^(?:(?:limit=\d{1,4}|(?:after_id|before_id)=[\w.:@-]{1,100}|beta=true)(?:&(?!$)|$))*$/;

/**
 * Parses a request line strictly: the three routes exactly, each with its one method, and the few
 * queries that Claude Code uses. Returns undefined for everything else, such as another spelling of
 * the same path.
 */
export function parseModelRoute(
  method: string | undefined,
  url: string | undefined,
): ModelRoute | undefined {
  const [path = '', query, ...more] = (url ?? '').split('?');
  if (more.length > 0) return undefined;
  if (method === 'GET') {
    const isPage =
      modelPath.test(path) && path.length <= 120 && (query === undefined || modelQuery.test(query));
    return isPage ? { kind: 'models', target: query ? `${path}?${query}` : path } : undefined;
  }
  if (method !== 'POST' || (query !== undefined && query !== '' && query !== 'beta=true'))
    return undefined;
  const beta = query ? '?beta=true' : '';
  if (path === '/v1/messages') return { kind: 'messages', target: `/v1/messages${beta}` };
  if (path === '/v1/messages/count_tokens')
    return { kind: 'count-tokens', target: `/v1/messages/count_tokens${beta}` };
  return undefined;
}
