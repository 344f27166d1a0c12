import type { SDKMessage, SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { cut, cutLines } from '../../../shared/runtime/cut.ts';
import { AgentFailure } from '../agent.ts';
import type { AgentEvent, FailureKind } from '../agent.ts';
import { savedPicture, takesPicture } from './saved-picture.ts';
import { joinBlocks } from './transcript.ts';

/** What an SDK message means. Messages without a meaning here count as signs of life. */
export type Translation =
  | AgentEvent
  /**
   * One answer of the model is complete. `uuids` are the prompts that it consumed; empty when
   * Claude Code started by itself, as it does when a background command ends. `toldUsd` is the cost
   * that Claude Code reports since its last report (US dollars).
   */
  | { kind: 'result'; id: string; text: string; uuids: string[]; toldUsd: number | undefined }
  /** Claude Code has taken a prompt out of its queue and passes it to the model. */
  | { kind: 'taken'; uuid: string }
  /**
   * Claude Code has dropped a prompt, as it does with a uuid that it has seen before: no result
   * will come.
   */
  | { kind: 'passed-over'; uuid: string }
  | { kind: 'interrupted' }
  | { kind: 'failure'; failure: AgentFailure };

/**
 * Translates the messages of one Claude Code process, one at a time; keeps the answer's blocks
 * until the result.
 */
export type Translator = (message: SDKMessage) => Translation[];

export function createTranslator(): Translator {
  let blocks: { id: string; text: string }[] = [];
  /** After a compaction Claude Code repeats earlier messages. */
  const said = new Set<string>();
  const taken = new Set<string>();
  /** Screenshot calls under way. */
  const photographing = new Set<string>();
  let trouble: string | undefined;
  let limit: { resetsAt: number | undefined } | undefined;

  const onResult = (message: SDKResultMessage): Translation => {
    const answer = blocks;
    blocks = [];
    if (message.subtype !== 'success') {
      if (
        message.subtype === 'error_during_execution' &&
        message.terminal_reason?.startsWith('aborted')
      )
        return { kind: 'interrupted' };
      return {
        kind: 'failure',
        failure: new AgentFailure(
          kindOfEnd(message.terminal_reason) ?? 'broken',
          cutLines(message.errors.join('; '), 300) || message.subtype,
        ),
      };
    }
    if (message.is_error) {
      if (Refused.safeParse(message).success)
        return {
          kind: 'failure',
          failure: new AgentFailure('budget', cutLines(message.result, 300)),
        };
      const kind = limit
        ? 'usage-limit'
        : (kindOfEnd(message.terminal_reason) ??
          failureKind(trouble, message.api_error_status ?? undefined));
      const resetsAt = limit?.resetsAt === undefined ? undefined : new Date(limit.resetsAt * 1000);
      return {
        kind: 'failure',
        failure: new AgentFailure(kind, cutLines(message.result, 300), resetsAt),
      };
    }
    const uuids =
      message.user_message_uuids ?? (message.user_message_uuid ? [message.user_message_uuid] : []);
    const text = joinBlocks(answer.map((block) => block.text)) || message.result.trim();
    return {
      kind: 'result',
      // An answer without text takes its prompt's id, as in the transcript reader.
      id: answer.at(-1)?.id ?? uuids.at(-1) ?? message.uuid,
      text,
      uuids,
      toldUsd: toldUsd(message),
    };
  };

  const onLifecycle = (uuid: string, state: string): Translation[] => {
    if (state === 'started') taken.add(uuid);
    if (state === 'started') return [{ kind: 'taken', uuid }];
    if (state === 'queued' || taken.delete(uuid)) return [{ kind: 'alive' }];
    return [{ kind: 'passed-over', uuid }];
  };

  return (message) => {
    const lifecycle = Lifecycle.safeParse(message).data;
    if (lifecycle) return onLifecycle(lifecycle.command_uuid, lifecycle.state);
    switch (message.type) {
      case 'system':
        if (message.subtype === 'init') return [{ kind: 'session', id: message.session_id }];
        if (message.subtype === 'compact_boundary') return [{ kind: 'compacted' }];
        if (message.subtype === 'api_retry') return [{ kind: 'retrying', reason: message.error }];
        return [{ kind: 'alive' }];
      case 'assistant': {
        if (message.parent_tool_use_id !== null || said.has(message.uuid))
          return [{ kind: 'alive' }];
        said.add(message.uuid);
        if (message.error) {
          trouble = message.error;
          return [{ kind: 'alive' }];
        }
        trouble = undefined;
        const events: Translation[] = [{ kind: 'alive' }];
        for (const block of message.message.content) {
          if (block.type === 'text' && block.text.trim() !== '')
            blocks.push({ id: message.uuid, text: block.text });
          if (block.type === 'tool_use' && takesPicture(block.name)) photographing.add(block.id);
          if (block.type === 'tool_use')
            events.push({
              kind: 'tool',
              id: block.id,
              name: block.name,
              summary: summarise(block.input),
              ...describe(block.input),
              timeoutMs: timeoutOf(block.input),
            });
        }
        return events;
      }
      case 'user': {
        const ended =
          message.parent_tool_use_id === null
            ? toolResults(message.message.content, photographing)
            : [];
        // Text before a tool call is not part of the answer.
        if (ended.length > 0) blocks = [];
        return ended.length > 0 ? ended : [{ kind: 'alive' }];
      }
      case 'rate_limit_event':
        limit =
          message.rate_limit_info.status === 'rejected'
            ? { resetsAt: message.rate_limit_info.resetsAt }
            : undefined;
        return [{ kind: 'alive' }];
      case 'result':
        return [onResult(message)];
      default:
        return [{ kind: 'alive' }];
    }
  };
}

/**
 * The model proxy has refused a request because a budget is used up. The SDK passes on the API's
 * error type without a type of its own.
 */
const Refused = z.object({
  api_error_status: z.literal(402),
  api_error_type: z.literal('budget_error'),
});

/**
 * The cost of a result by model, including sub-agents and work between two results; another field
 * that the SDK does not type.
 */
const SinceLastResult = z.object({
  model_usage_since_last_result: z.record(z.string(), z.object({ costUSD: z.number() })),
});

function toldUsd(message: SDKResultMessage): number | undefined {
  const told = SinceLastResult.safeParse(message).data;
  return (
    told &&
    Object.values(told.model_usage_since_last_result).reduce((sum, { costUSD }) => sum + costUSD, 0)
  );
}

/**
 * Claude Code reports each prompt's lifecycle in messages that the SDK passes on without a type of
 * their own.
 */
const Lifecycle = z.object({
  type: z.literal('command_lifecycle'),
  command_uuid: z.string(),
  state: z.string(),
});

function toolResults(content: unknown, photographing: Set<string>): Translation[] {
  if (!Array.isArray(content)) return [];
  return content.flatMap((block: unknown): Translation[] => {
    if (
      typeof block !== 'object' ||
      block === null ||
      !('type' in block) ||
      block.type !== 'tool_result' ||
      !('tool_use_id' in block)
    )
      return [];
    const id = String(block.tool_use_id);
    const path =
      photographing.delete(id) && 'content' in block ? savedPicture(block.content) : undefined;
    return [
      { kind: 'tool-end', id, failed: 'is_error' in block && block.is_error === true },
      ...(path === undefined ? [] : [{ kind: 'picture' as const, path }]),
    ];
  });
}

/** The most telling input of a tool, for a log line: a command, a path, an address. */
function summarise(input: unknown): string {
  if (typeof input !== 'object' || input === null) return '';
  const entries = new Map(Object.entries(input));
  const telling = ['command', 'file_path', 'path', 'url', 'pattern', 'query', 'description', 'text']
    .map((name) => entries.get(name))
    .find((value) => typeof value === 'string');
  return cut(String(telling ?? ''), 160);
}

/** Bash and Task ask the model for a few words about the call, for people to read. */
function describe(input: unknown): { description?: string } {
  if (
    typeof input !== 'object' ||
    input === null ||
    !('description' in input) ||
    typeof input.description !== 'string'
  )
    return {};
  const description = cut(input.description, 160);
  return description === '' ? {} : { description };
}

function timeoutOf(input: unknown): number | undefined {
  return typeof input === 'object' &&
    input !== null &&
    'timeout' in input &&
    typeof input.timeout === 'number'
    ? input.timeout
    : undefined;
}

/**
 * Failures that Claude Code distinguishes by its terminal reason. It reports any picture, document
 * or request that is too large or broken as `image_error`.
 */
function kindOfEnd(reason: SDKResultMessage['terminal_reason']): FailureKind | undefined {
  if (
    reason === 'prompt_too_long' ||
    reason === 'blocking_limit' ||
    reason === 'rapid_refill_breaker'
  )
    return 'too-long';
  return reason === 'image_error' ? 'unreadable' : undefined;
}

/** What Claude Code reports when it is not signed in, or not in the required way. */
const signedOut = new Set([
  'authentication_failed',
  'oauth_org_not_allowed',
  'account_on_hold',
  'verification_required',
  'cloud_credential_error',
]);

/** Classifies a failure on the model's side by the SDK's error name or by the HTTP status. */
export function failureKind(trouble: string | undefined, status: number | undefined): FailureKind {
  if ((trouble !== undefined && signedOut.has(trouble)) || status === 401 || status === 403)
    return 'signed-out';
  if (trouble === 'billing_error' || status === 402) return 'no-credit';
  if (trouble === 'rate_limit' || status === 429) return 'usage-limit';
  if (trouble === 'overloaded' || status === 529) return 'overloaded';
  if (trouble === 'model_not_found') return 'no-model';
  if (trouble === 'server_error' || (status !== undefined && status >= 500)) return 'model-away';
  // A refused request has a status; without one the service did not answer.
  return trouble === 'unknown' && status === undefined ? 'model-away' : 'broken';
}
