import type { Messenger } from '../../shared/delivery/messenger.ts';
import type { Typing } from '../../shared/delivery/typing.ts';
import type { MeterPrices } from '../../shared/runtime/prices/message-fees.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Snapshots } from '../../shared/store/boxes/snapshot.ts';
import type { PageStore } from '../../shared/store/pages.ts';
import type { Stores } from '../../shared/store/stores.ts';
import type { TurnRecords } from '../../shared/store/turns/records.ts';
import type { MediaFetch } from '../../shared/twilio/media.ts';
import type { Agent } from '../agent/agent.ts';
import type { PermissionMode } from '../agent/settings.ts';
import type { HomeOf } from '../agent/homes/home-of.ts';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import type { Exporter } from '../export/export.ts';
import type { Forgetting } from '../forget/forget.ts';
import type { Awake } from '../background/describe.ts';
import type { ChatNumber } from '../people/invitation.ts';
import type { Speaker } from '../media/speaking.ts';
import type { Transcriber } from '../media/transcribing.ts';
import type { SessionLock } from '../process/session-lock.ts';
import type { Thaw } from '../process/thaw.ts';
import type { WatchLinks } from '../progress/watch-links.ts';
import type { ProgressTimes } from '../progress/progress.ts';
import type { FileReader } from '../reading/file-reader.ts';
import type { AnswerWriter } from '../reply/answer.ts';
import type { SecretDesk } from '../secrets/secret-desk.ts';
import type { ScheduleLimits } from '../schedules/limits.ts';
import type { Arrivals } from '../process/arrivals.ts';
import type { Slots } from '../process/slots.ts';
import type { Silence } from './watchdog.ts';

/** What a turn uses of its worker: whole objects, each made once. */
export type TurnDeps = {
  stores: TurnStores;
  agent: Agent;
  media: TurnMedia;
  chat: TurnChat;
  settings: TurnSettings;
  /** The worker's slots for turns, free and taken. */
  slots: Slots;
  arrivals: Arrivals;
  /** Makes sure that no other worker has a process for a conversation. */
  claims: Pick<SessionLock, 'claim'>;
  thaw: Pick<Thaw, 'settled'>;
  log: Log;
};

/** The stores of both processes, and those that only turns write: they are loaded with them. */
export type TurnStores = Stores & {
  pages: PageStore;
  snapshots: Snapshots;
  /** What the live pages of turns are written from, and the links to them. */
  records: TurnRecords;
  watch: WatchLinks;
  /** A person's secrets and links. */
  secrets: SecretDesk;
  /** The home of a conversation's person. */
  homeOf: HomeOf;
  /** Takes a person's move on: returns for how long their turn is put off (ms). */
  onMoving: (conversation: string) => Promise<number>;
  /** Gives a conversation as files. */
  exporter: Exporter;
  /** Takes everything about a person out of every store. */
  forgetting: Forgetting;
  /** Earlier versions of a conversation's files; absent when they are switched off. */
  checkpoints?: Checkpoints;
};

/** What fetches, reads, transcribes and speaks files. */
export type TurnMedia = {
  fetchMedia: MediaFetch;
  /** Inspects files from people and from the agent. */
  reader: FileReader;
  /** Undefined when none is configured. */
  transcribe: Transcriber | undefined;
  /** Undefined when none is configured. */
  speak: Speaker | undefined;
};

/** What reaches the chat beside the outbox. */
export type TurnChat = {
  messenger: Pick<Messenger, 'receivedFrom' | 'sentTo'>;
  typing: Typing;
  writeAnswer: AnswerWriter;
};

/** What the configuration says about turns. */
export type TurnSettings = {
  /** Our number in the chat, for people who do not know it yet. */
  chatNumber: ChatNumber;
  /** The relay's address for pages, and for files that WhatsApp does not carry. */
  publicUrl: string;
  /** The default mode, until the person chooses another. */
  permissions: PermissionMode;
  /** The number of messages a turn may send before the rest goes to a page. */
  messagesPerTurn: number;
  /**
   * Limits in US dollars per turn, per person and day, and for everybody in a month; undefined
   * means no limit.
   */
  budgets: {
    turnUsd: number | undefined;
    dayUsd: number | undefined;
    monthUsd: number | undefined;
  };
  scheduleLimits: ScheduleLimits;
  /** Whether a WhatsApp template announces waiting answers. */
  hasTemplate: boolean;
  /** When the worker stops itself, and what it means that something runs in the background. */
  awake: Awake;
  /** What messages and the computer cost. */
  prices: MeterPrices;
  times: TurnTimes;
};

/**
 * `answerMs` is the time limit for an answer, `holdMs` how long the agent is kept while waiting for
 * one.
 */
export type TurnTimes = {
  answerMs: number;
  holdMs: number;
  silence: Silence;
  progress: ProgressTimes;
};
