import type {
  SDKAssistantMessage,
  SDKBackgroundTasksChangedMessage,
  SDKMessage,
  SDKPartialAssistantMessage,
  SDKResultMessage,
} from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { cut, cutLines } from '../../../shared/runtime/cut.ts';
import { AgentFailure } from '../agent-failure.ts';
import type { AgentEvent, Words } from '../agent.ts';
import type { BackgroundTask } from '../background.ts';
import { sayForPerson } from './local-command.ts';
import { classifyRefusal, createFailure, readTrouble } from './refusals.ts';
import type { Trouble } from './refusals.ts';
import { savedPicture, takesPicture } from './saved-picture.ts';
import { toolOutput } from '../tool-output.ts';
import { joinBlocks } from './transcript/transcript.ts';
import { isBlank, withoutFiller } from './filler.ts';

/** What an SDK message means. Messages without a meaning here count as signs of life. */
export type Translation =
  | AgentEvent
  /**
   * One answer of the model is complete. `uuids` are the prompts that it consumed; empty when
   * Claude Code started by itself, as it does when a background command ends. `toldUsd` is the cost
   * that Claude Code reports since its last report (US dollars).
   */
  | {
      kind: 'result';
      id: string;
      text: string;
      earlier: Words[];
      uuids: string[];
      toldUsd: number | undefined;
      /** Claude Code began by itself and the model has spoken. */
      isSelfBegun: boolean;
    }
  /** Everything that runs in the background now. */
  | { kind: 'background'; tasks: Pick<BackgroundTask, 'id' | 'kind' | 'description'>[] }
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
 * Translates the messages of one Claude Code process, one at a time; keeps what Claude says until
 * the result.
 */
export type Translator = {
  translate(message: SDKMessage): Translation[];
  /**
   * Takes out what Claude has said since the last result, without filler, to be sent before
   * something else.
   */
  takeWords(): Words[];
};

export function createTranslator(): Translator {
  /** Blocks after the last tool call: the answer, unless another call follows. */
  let blocks: Words[] = [];
  /** Blocks before or beside a tool call. */
  let earlier: Words[] = [];
  /** After a compaction Claude Code repeats earlier messages. */
  const said = new Set<string>();
  const taken = new Set<string>();
  /** Something that was said since the last result has been sent already. */
  let isSaid = false;
  /** Screenshot calls under way. */
  const photographing = new Set<string>();
  let trouble: Trouble | undefined;
  let limit: { resetsAt: number | undefined } | undefined;

  const takeWords = (): Words[] => {
    const words = withoutFiller([...earlier, ...blocks]);
    [earlier, blocks] = [[], []];
    isSaid ||= words.length > 0;
    return words;
  };
  const onResult = (message: SDKResultMessage): Translation => {
    const wasSaid = isSaid;
    isSaid = false;
    if (message.subtype !== 'success') {
      if (
        message.subtype === 'error_during_execution' &&
        message.terminal_reason?.startsWith('aborted')
      )
        return { kind: 'interrupted' };
      return {
        kind: 'failure',
        failure: new AgentFailure(
          classifyRefusal({ terminalReason: message.terminal_reason }),
          cutLines(message.errors.join('; '), 300) || message.subtype,
        ),
      };
    }
    if (message.is_error)
      return { kind: 'failure', failure: createFailure(message, trouble, limit) };
    const uuids =
      message.user_message_uuids ?? (message.user_message_uuid ? [message.user_message_uuid] : []);
    const [before, answer] = [withoutFiller(earlier), blocks];
    [earlier, blocks] = [[], []];
    const spoken = joinBlocks(answer.map((block) => block.text));
    // Without a text of its own the result repeats the last one, which stood before a tool, or was
    // sent before the question of a helper.
    const words = spoken || (before.length > 0 || wasSaid ? '' : message.result.trim());
    return {
      kind: 'result',
      // An answer without text takes its prompt's id, as in the transcript reader.
      id: answer.at(-1)?.id ?? uuids.at(-1) ?? message.uuid,
      // What no model has said comes from Claude Code's own commands.
      text: message.num_turns === 0 ? sayForPerson(words) : words,
      earlier: before,
      uuids,
      toldUsd: toldUsd(message),
      // Several ends at once have a result each; all but the last are empty.
      isSelfBegun: uuids.length === 0 && message.num_turns > 0,
    };
  };

  const onLifecycle = (uuid: string, state: string): Translation[] => {
    if (state === 'started') taken.add(uuid);
    if (state === 'started') return [{ kind: 'taken', uuid }];
    if (state === 'queued' || taken.delete(uuid)) return [{ kind: 'alive' }];
    return [{ kind: 'passed-over', uuid }];
  };

  const translate = (message: SDKMessage): Translation[] => {
    const lifecycle = Lifecycle.safeParse(message).data;
    if (lifecycle) return onLifecycle(lifecycle.command_uuid, lifecycle.state);
    switch (message.type) {
      case 'system':
        if (message.subtype === 'init') return [{ kind: 'session', id: message.session_id }];
        if (message.subtype === 'compact_boundary')
          return [{ kind: 'compacted', isAsked: message.compact_metadata.trigger === 'manual' }];
        if (message.subtype === 'api_retry') return [{ kind: 'retrying', reason: message.error }];
        if (message.subtype === 'background_tasks_changed')
          return [{ kind: 'background', tasks: message.tasks.flatMap(readTask) }];
        return [{ kind: 'alive' }];
      case 'assistant': {
        if (said.has(message.uuid)) return [{ kind: 'alive' }];
        said.add(message.uuid);
        if (message.parent_tool_use_id !== null)
          return [
            { kind: 'alive' },
            ...helperSteps(message.parent_tool_use_id, message.message.content),
          ];
        trouble = readTrouble(message);
        if (trouble) return [{ kind: 'alive' }];
        const events: Translation[] = [{ kind: 'alive' }];
        for (const block of message.message.content) {
          if (block.type === 'text' && !isBlank(block.text))
            blocks.push({ id: message.uuid, text: block.text });
          if (block.type === 'tool_use' && takesPicture(block.name)) photographing.add(block.id);
          if (block.type === 'tool_use') {
            earlier.push(...blocks.splice(0));
            events.push({
              ...readCall(block),
              timeoutMs: timeoutOf(block.input),
            });
          }
        }
        return events;
      }
      case 'user': {
        const { parent_tool_use_id: of } = message;
        const ended = toolResults(message.message.content, photographing);
        const events = of === null ? ended : ended.flatMap((end) => asHelper(of, end));
        return events.length > 0 ? events : [{ kind: 'alive' }];
      }
      case 'stream_event':
        return [readStart(message)];
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
  return { translate, takeWords };
}

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

/** A task in the background, unless it only watches something. */
function readTask(
  task: SDKBackgroundTasksChangedMessage['tasks'][number],
): Pick<BackgroundTask, 'id' | 'kind' | 'description'>[] {
  if (task.ambient) return [];
  const kind = task.task_type === 'local_agent' ? 'helper' : 'command';
  return [{ id: task.task_id, kind, description: cut(task.description, 100) || 'a command' }];
}

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
      {
        kind: 'tool-end',
        id,
        failed: 'is_error' in block && block.is_error === true,
        ...toolOutput('content' in block ? block.content : undefined),
      },
      ...(path === undefined ? [] : [{ kind: 'picture' as const, path }]),
    ];
  });
}

/** A call, in the form of its event. */
function readCall({ id, name, input }: { id: string; name: string; input: unknown }): {
  kind: 'tool';
  id: string;
  name: string;
  summary: string;
  description?: string;
} {
  return { kind: 'tool', id, name, summary: summarise(input), ...describe(input) };
}

/** The calls of a helper that the call `of` has started. */
function helperSteps(
  of: string,
  content: SDKAssistantMessage['message']['content'],
): Extract<Translation, { kind: 'helper' }>[] {
  return content.flatMap((block) =>
    block.type === 'tool_use' ? [{ kind: 'helper' as const, of, step: readCall(block) }] : [],
  );
}

function asHelper(of: string, end: Translation): Extract<Translation, { kind: 'helper' }>[] {
  return end.kind === 'tool-end' ? [{ kind: 'helper', of, step: end }] : [];
}

/** Whether Claude itself begins a text or a tool call; its helpers' are not for the person. */
function readStart({
  event,
  parent_tool_use_id: parent,
}: SDKPartialAssistantMessage): Extract<AgentEvent, { kind: 'alive' | 'writing' }> {
  if (parent !== null || event.type !== 'content_block_start') return { kind: 'alive' };
  const { content_block: block } = event;
  if (block.type === 'text') return { kind: 'writing' };
  return block.type === 'tool_use' ? { kind: 'writing', tool: block.name } : { kind: 'alive' };
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
