import type { Agent as HttpAgent, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { z } from 'zod';
import { http } from '../../../shared/runtime/http/http.ts';
import { parseJson } from '../../../shared/runtime/json.ts';
import type { Log } from '../../../shared/runtime/log.ts';
import type { ModelPrices } from '../../../shared/runtime/model-prices.ts';
import type { KnownModel, ModelLookup } from './known-model.ts';
import { credentialOf } from './sessions.ts';
import type { ModelKeys } from './sessions.ts';

export type ModelLookupDeps = {
  /** The address of the model's service. */
  service: URL;
  /** Its connections. */
  agent: HttpAgent;
  keys: ModelKeys;
  /** The models that are known without the service: Claude Code's catalogue and MODEL_PRICES. */
  prices: Pick<ModelPrices, 'knows' | 'names'>;
  log: Log;
  /** Timeout for both requests together (ms); the person waits for it. */
  patienceMs?: number;
};

/** The longest list that is read (bytes); a thousand models have about 200 kB. */
const longestList = 2 * 1024 * 1024;

const Model = z.object({ id: z.string(), display_name: z.string().optional() });
const ModelList = z.object({ data: z.array(Model) });

/**
 * Returns the function that looks a model's name up in the service's list of models, which costs
 * nothing (platform.claude.com/docs/en/api/models-list), with the worker's own key. A name that the
 * list lacks is asked for by itself, since the service has aliases, too. When the service does not
 * say, the catalogue decides. The function never rejects.
 */
export function createModelLookup(deps: ModelLookupDeps): (name: string) => Promise<ModelLookup> {
  const { service, agent, keys, prices, log, patienceMs = 4000 } = deps;
  const get = (route: string, signal: AbortSignal): Promise<Answer> =>
    fetchJson(
      new URL(`${service.origin}${service.pathname.replace(/\/$/, '')}${route}`),
      { ...credentialOf(keys), accept: 'application/json', 'anthropic-version': '2023-06-01' },
      agent,
      signal,
    );
  const fromCatalogue = (name: string): ModelLookup => ({
    model: prices.knows(name) ? name : undefined,
    offered: prices.names().map((id) => ({ id, name: id })),
    isFromService: false,
  });

  return async (wanted) => {
    const { name, context } = splitContext(wanted);
    const signal = AbortSignal.timeout(patienceMs);
    try {
      const list = await get('/v1/models?limit=1000', signal);
      const models = ModelList.safeParse(list.body).data;
      if (list.status !== 200 || !models || models.data.length === 0) {
        log.warn({ status: list.status }, 'the model service has no list of models');
        return fromCatalogue(wanted);
      }
      const offered = models.data.map((model) => ({
        id: model.id,
        name: model.display_name ?? model.id,
      }));
      const listed = findListed(name, offered);
      if (listed !== undefined)
        return { model: `${listed}${context}`, offered, isFromService: true };
      // A name of dots would be another path.
      if (!/^[a-z0-9]/i.test(name)) return { model: undefined, offered, isFromService: true };
      const single = await get(`/v1/models/${encodeURIComponent(name)}`, signal);
      const isKnown = single.status === 200 && Model.safeParse(single.body).success;
      return { model: isKnown ? wanted : undefined, offered, isFromService: true };
    } catch (error) {
      log.warn({ err: error }, 'looking up a model failed');
      return fromCatalogue(wanted);
    }
  };
}

/** `[1m]` asks Claude Code for the longer context; the service does not know it. */
function splitContext(wanted: string): { name: string; context: string } {
  const name = wanted.replace(/\[1m\]$/i, '');
  return { name, context: name === wanted ? '' : '[1m]' };
}

/** The listed id for a name, which may lack the release's date. */
function findListed(wanted: string, offered: KnownModel[]): string | undefined {
  const name = wanted.toLowerCase();
  const undated = name.replace(/-latest$/, '');
  const ids = offered.map(({ id }) => id);
  return (
    ids.find((id) => id === wanted) ??
    ids.find((id) => id.toLowerCase() === name) ??
    ids.find((id) => id.toLowerCase().replace(/-\d{8}$/, '') === undated)
  );
}

type Answer = { status: number; body: unknown };

/** Makes a GET request. Throws when there is no answer, or a longer one than `longestList`. */
async function fetchJson(
  target: URL,
  headers: OutgoingHttpHeaders,
  agent: HttpAgent,
  signal: AbortSignal,
): Promise<Answer> {
  const send = target.protocol === 'https:' ? httpsRequest : http.request;
  const answered = Promise.withResolvers<IncomingMessage>();
  send(target, { agent, headers, signal })
    .on('response', answered.resolve)
    .on('error', answered.reject)
    .end();
  const answer = await answered.promise;
  const chunks: Buffer[] = [];
  let size = 0;
  const pieces: AsyncIterable<Buffer> = answer;
  for await (const chunk of pieces) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > longestList) throw new Error('the list of models is too long');
  }
  return { status: answer.statusCode ?? 0, body: parseJson(Buffer.concat(chunks).toString()) };
}
