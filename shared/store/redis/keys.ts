/**
 * Every Redis key of the system, in one place. All share the hash tag `{sidepocket}`, so that a
 * transaction over several of them also works on a Redis Cluster; BullMQ's keys carry it as their
 * prefix.
 */
export const prefix = '{sidepocket}';

/**
 * What a home has behind the names of its own keys and queues: nothing for the first home, `@NAME`
 * for another.
 */
export type HomeSuffix = '' | `@${string}`;

/** A home's own key, of those that the description marks with “of each home”. */
export function ofHome(key: string, home: HomeSuffix): string {
  return `${key}${home}`;
}

export const keys = {
  /**
   * HASH: claim and state of an incoming message. Its existence makes a repeated webhook a
   * duplicate, and prevents a refused message (`state refused`) from being taken in later.
   */
  message: (id: string): string => `${prefix}:message:${id}`,
  /**
   * HASH: who may write, in words. `list` says which relay wrote the list and when that relay
   * started, `owner` who receives notices that need a person; each other field is an address with
   * `allowed since TIME, by …` or `removed TIME, by …`. What the owner has decided in the chat
   * outlives the relay's list: `allowed since TIME, invited by OWNER`, with `until TIME` until the
   * person's first message, and `removed TIME, by OWNER in the chat`. Without `list`, everyone that
   * the relay lets in may write.
   */
  allowed: `${prefix}:allowed`,
  /**
   * What a removed person had waiting: LIST of messages as in the inbox, LIST of reply ids, HASH of
   * schedules as JSON by their number. All expire after a week.
   */
  setAsideMessages: (conversation: string): string =>
    `${prefix}:set-aside:messages:${conversation}`,
  setAsideReplies: (conversation: string): string => `${prefix}:set-aside:replies:${conversation}`,
  setAsideSchedules: (conversation: string): string =>
    `${prefix}:set-aside:schedules:${conversation}`,
  /**
   * STRING that expires after an hour: the owner has been notified of this cause; its value is the
   * reply with the notice. HASH: the last notice about each cause and its time, as JSON; expires.
   */
  ownerTold: (cause: string): string => `${prefix}:owner-told:${cause}`,
  ownerWords: `${prefix}:owner-words`,
  /** LIST of messages as JSON, oldest first. A message leaves it when it has its answer. */
  inbox: (conversation: string): string => `${prefix}:inbox:${conversation}`,
  /**
   * HASH: how often a worker has started each message of the inbox, by the message's id; removed
   * with the message. `run` names the last pick-up, which is a turn, a colon and BullMQ's number of
   * its run, and the message at the head that it counted.
   */
  attempts: (conversation: string): string => `${prefix}:attempts:${conversation}`,
  /**
   * LIST, newest first: stored entries that this version could not read, as JSON of `at`, `from`
   * (inbox, outbox, failed, schedules, jobs), `conversation` and the original `entry`. At most 1,000; it
   * expires RETENTION_DAYS after the last one.
   */
  dead: `${prefix}:dead`,
  /**
   * What a script found under the rest of the name, of another type than its commands take; it
   * expires after a week.
   */
  unreadable: (name: string): string => `${prefix}:unreadable:${name}`,
  /**
   * HASH: work in the background by conversation, a space and the session, as JSON of `owner` (the
   * worker, `WORKER_ID#boot`) and `tasks`.
   */
  background: `${prefix}:background`,
  /**
   * SET of each home: conversations with entries in their inbox or outbox; maintained by the
   * scripts, so that a scan need not visit every conversation. SET of conversations that once had
   * entries.
   */
  conversations: `${prefix}:conversations`,
  known: `${prefix}:known`,
  /** SETs of conversations with parked replies, and with given-up messages. */
  parking: `${prefix}:parking`,
  givenUp: `${prefix}:given-up`,
  /**
   * SET of a person's schedule runs on a day (`YYYY-MM-DD`), repeating ones and single ones apart;
   * expires. HASH: the decisions about schedules that run too often.
   */
  scheduleRuns: (conversation: string, day: string, kind: string): string =>
    `${prefix}:schedule-runs:${conversation}:${day}:${kind}`,
  scheduleChoices: (conversation: string): string => `${prefix}:schedule-choices:${conversation}`,
  /**
   * HASH that expires: the runs of a schedule whose answers were parked since the person last wrote
   * (`since`). HASH of the schedules that are paused for it, as JSON by their number.
   */
  scheduleParked: (conversation: string, number: number): string =>
    `${prefix}:schedule-parked:${conversation}:${number}`,
  schedulesPaused: (conversation: string): string => `${prefix}:schedules-paused:${conversation}`,
  /**
   * HASH that expires: the schedule that a call of a turn has created (`call:ID`), and a request in
   * a run of it (`asked:DIGEST`: run, number).
   */
  scheduleCalls: (turn: string): string => `${prefix}:schedule-calls:${turn}`,
  /**
   * HASH: the conversation that an address belongs to without naming it: a person's user id beside
   * their number, or the reverse.
   */
  aliases: `${prefix}:aliases`,
  /**
   * HASH: a person, in words: `since` (when the record began), `addresses`, `conversations`,
   * `name`, `timezone`, `allowed` (since when and by whom), `home` (its name; an earlier version
   * noted the directory there), `user` and `directory` on that computer, `limit`, `former` (ids
   * that were joined into this one), `epoch` (how often they have moved), `move` while they do,
   * `secrets` (the names of those that they have set). HASH: the id of the person of each address.
   */
  person: (id: string): string => `${prefix}:person:${id}`,
  /**
   * HASH: the move of a person to another home: the `step` that is done (asked, held, saved, moved,
   * done or failed, the latter two for a day), `from` and `to` (names of homes), its `token`, `by`
   * whom and `since` when, the `snapshot` (ms since 1970), the `epoch` that it began, their
   * `secrets` as JSON (sealed to the new home's key), and the `reason` of a failure.
   */
  move: (person: string): string => `${prefix}:move:${person}`,
  people: `${prefix}:people`,
  /**
   * HASH: the last complete snapshot of a person's home: `at` (ms since 1970), `files`, `bytes`,
   * `leftOut` (in words), and `failing` while snapshots fail and the owner knows it. HASH that
   * expires: a restore that was asked for in a conversation (`wanted`, its token; `before`, ms
   * since 1970 or empty), and the `outcome` of the `done` one, in words. STRING that expires: a
   * worker makes the person's repository.
   */
  homeSnapshot: (person: string): string => `${prefix}:home-snapshot:${person}`,
  restore: (conversation: string): string => `${prefix}:restore:${conversation}`,
  makingRepository: (person: string): string => `${prefix}:making-repository:${person}`,
  /**
   * HASH that expires: forgetting a conversation (`by`, the message that asked for it; `until`, ms
   * since 1970; `done:STEP` and `failed:STEP`, what became of each step, in words). STRING that
   * expires: what the person’s yes must name.
   */
  forget: (conversation: string): string => `${prefix}:forget:${conversation}`,
  forgetAsked: (conversation: string): string => `${prefix}:forget-asked:${conversation}`,
  /**
   * HASH that expires: what the owner was asked about a person (`kind`, `address`, its other
   * `spelling`), and the message that has decided it with the `outcome`.
   */
  personQuestion: (token: string): string => `${prefix}:person-question:${token}`,
  /**
   * HASH: the state of a conversation (its `home`, if it is not the first; its session; the address
   * that wrote last, and when, if it is not the conversation's own; `wroteAt`, when the person last
   * wrote, which opens WhatsApp's 24-hour window; the session that a fresh one `follows` because
   * its history was refused, and these `renewals`; the message from which on it is to `rewind`;
   * which files were `undone` without Claude knowing; which of the project's own programs may run;
   * `offered`, the newest reply with choices, which a text may name until `offeredUntil`;
   * `unspoken`, the answers to voice messages whose sound is still to be made; `failed`, the
   * given-up messages, and `failedMeta`, when and in which turn each was given up).
   */
  conversation: (conversation: string): string => `${prefix}:conversation:${conversation}`,
  /** ZSET of a conversation's sessions by last use (ms since 1970), and HASH of their titles. */
  sessions: (conversation: string): string => `${prefix}:sessions:${conversation}`,
  sessionTitles: (conversation: string): string => `${prefix}:session-titles:${conversation}`,
  /** LIST of reply ids, oldest first: what is still to be sent, in order. */
  outbox: (conversation: string): string => `${prefix}:outbox:${conversation}`,
  /** HASH: a reply and its delivery ledger. */
  reply: (id: string): string => `${prefix}:reply:${id}`,
  /** STRING that expires: a message as JSON, as the inbox got it. */
  said: (id: string): string => `${prefix}:said:${id}`,
  /**
   * ZSET that expires: the ids of the messages and the replies of a conversation, by when they were
   * accepted or put (ms since 1970). ZSETs that expire: the turns of all conversations, of one, and
   * those that have given messages up, by their first message. HASH that expires: the words by
   * which the search finds each turn.
   */
  thread: (conversation: string): string => `${prefix}:thread:${conversation}`,
  turnTimes: `${prefix}:turn-times`,
  turnsFailed: `${prefix}:turns-failed`,
  turnWords: `${prefix}:turn-words`,
  turnsOf: (conversation: string): string => `${prefix}:turns-of:${conversation}`,
  /**
   * HASH that expires: a turn (`conversation`; `begunAt` and `settledAt`, when it took up its first
   * messages and last settled some, ms since 1970; the `failure` of what it has given up; `next`,
   * the turn that has taken its messages over). LIST that expires: the ids of its messages.
   */
  turn: (id: string): string => `${prefix}:turn:${id}`,
  turnMessages: (turn: string): string => `${prefix}:turn-messages:${turn}`,
  /** LIST of the ids of a turn's replies, in order. */
  turnReplies: (turn: string): string => `${prefix}:turn-replies:${turn}`,
  /**
   * LIST that expires: what happened in a turn, as JSON, for its page; also the pub/sub channel of
   * its news. HASH that expires: the bytes of each record, of its outputs and pictures, and of all
   * (`*`). ZSET that expires: the records by when they expire (ms since 1970).
   */
  steps: (turn: string): string => `${prefix}:steps:${turn}`,
  stepSizes: `${prefix}:step-sizes`,
  stepTimes: `${prefix}:step-times`,
  /** ZSET of the latest permanently failed replies, by the time of the failure (ms since 1970). */
  failures: `${prefix}:failures`,
  /**
   * HASH: how many replies reached each status, and how often Twilio returned each code, since the
   * beginning.
   */
  counts: `${prefix}:counts`,
  /** STRING: the reply behind a Twilio message. */
  sent: (sid: string): string => `${prefix}:sent:${sid}`,
  /** LIST of reply ids parked until the person writes again (Twilio's 63016). */
  parked: (conversation: string): string => `${prefix}:parked:${conversation}`,
  /**
   * STRINGs that expire: Twilio's content for a definition, and that it refuses one (or `every`).
   */
  content: (digest: string): string => `${prefix}:content:${digest}`,
  /** HASH: contents whose definition has words said to an address: Twilio's id → digest. */
  contentsOf: (address: string): string => `${prefix}:contents-of:${address}`,
  contentRefused: (digest: string): string => `${prefix}:content-refused:${digest}`,
  /** STRING: when the next message to this number may go out (ms since 1970). */
  pace: (number: string): string => `${prefix}:pace:${number}`,
  /** HASH about a stored file, and STRINGs with its pieces. */
  file: (token: string): string => `${prefix}:file:${token}`,
  filePiece: (token: string, index: number): string => `${prefix}:file:${token}:${index}`,
  /**
   * ZSET of stored files by expiry (ms since 1970), and HASH of their sizes (bytes), for the total
   * size limit.
   */
  files: `${prefix}:files`,
  fileSizes: `${prefix}:file-sizes`,
  /**
   * HASH: the conversation of each stored file. HASH: when each was first fetched completely (ms
   * since 1970).
   */
  fileOwners: `${prefix}:file-owners`,
  filesFetched: `${prefix}:files-fetched`,
  /**
   * HASH: the Markdown of a page, when it was written and when it expires. STRING of random bytes:
   * the key that signs the addresses of pages.
   */
  page: (id: string): string => `${prefix}:page:${id}`,
  pageSecret: `${prefix}:page-secret`,
  /** SET: the ids of the entries on a growing page. */
  pageEntries: (id: string): string => `${prefix}:page-entries:${id}`,
  /**
   * ZSET of stored pages by expiry (ms since 1970), and HASH of their sizes (bytes), for the total
   * size limit.
   */
  pages: `${prefix}:pages`,
  pageSizes: `${prefix}:page-sizes`,
  /**
   * HASH that expires: a link in a chat (`digest` of its token, purpose, person, object, uses,
   * expiry, and `by:DIGEST` for each browser that used it). ZSET that expires: the ids of a
   * person's links by when they are forgotten (ms since 1970).
   */
  link: (id: string): string => `${prefix}:link:${id}`,
  links: (person: string): string => `${prefix}:links:${person}`,
  /**
   * STRING that expires after an hour: a secret that only the person's computer can open, as JSON.
   */
  sealed: (link: string): string => `${prefix}:sealed:${link}`,
  /** STRING: the lease of a worker; its value names the boot that holds it. */
  lease: (worker: string): string => `${prefix}:lease:${worker}`,
  /** STRING: counts the boots of a worker. */
  boots: (worker: string): string => `${prefix}:boots:${worker}`,
  /**
   * HASH: each conversation's spend on a day (`YYYY-MM-DD`) or in a month (`YYYY-MM`). HASH: that of
   * all of them together, where it is `whole`. STRING that expires: this answer is counted.
   */
  spend: (time: string): string => `${prefix}:spend:${time}`,
  spendTotal: (time: string): string => `${prefix}:spend-total:${time}`,
  /** HASH that expires: each model's use in a month (`YYYY-MM`), and each home's. */
  spendModels: (month: string): string => `${prefix}:spend-models:${month}`,
  spendHomes: (month: string): string => `${prefix}:spend-homes:${month}`,
  spendAnswer: (answer: string): string => `${prefix}:spend-answer:${answer}`,
  /**
   * HASH: this Redis's `identity`, a `count` that never goes back, and `since` when it applies (ISO
   * 8601; empty for always).
   */
  epoch: `${prefix}:epoch`,
  /**
   * STRING that expires: when the relay last tested whether Redis accepts writes (ms since 1970).
   */
  ready: `${prefix}:ready`,
  /**
   * HASH that expires: a turn's spend, and what the person has granted it (millionths of a dollar).
   */
  spendTurn: (turn: string): string => `${prefix}:spend-turn:${turn}`,
  /**
   * HASH: what was counted on a day (`YYYY-MM-DD`) or in a month (`YYYY-MM`), in UTC:
   * `messages:KIND`, `vm:HOME` (ms), `commands`, and what a kill has left open: `vm-open:HOME`
   * (ms), `commands-gaps`. HASH: until when each worker's VM is counted, and Redis's own count at
   * the last look (`redis`).
   */
  meter: (time: string): string => `${prefix}:meter:${time}`,
  meterOpen: `${prefix}:meter-open`,
  /** HASH of the open model requests, by their id, as JSON. */
  modelOpen: `${prefix}:model-open`,
  /**
   * STRING: the name of the first home, whose keys and queues have plain names. SET of the names of
   * all homes. HASH: a home (its disk's `id`, `since` when it is known, `address` and `secret` by
   * which it is woken, how many people it `takes` and how many `people` it has been given,
   * `version`, the public `key` that secrets are sealed to, a digest of its snapshot `store`; since
   * when it is `dead`, as its computer does not come up, and the `helper` that sends for it; since
   * when it is `draining`). SET of each home: the suffixes of the homes that it helps.
   */
  firstHome: `${prefix}:first-home`,
  homes: `${prefix}:homes`,
  home: (name: string): string => `${prefix}:home:${name}`,
  helps: `${prefix}:helps`,
  /**
   * HASH of each home that expires: by worker, its boot, since when it runs (ms since 1970), and
   * the mark that it has left last on its disk.
   */
  beats: (home: string): string => `${prefix}:beats:${home}`,
  /** STRING of each home that expires: the last sign of life of any of its workers. Without it the
   * VM is asleep, dead or not yet deployed.
   */
  heartbeat: `${prefix}:heartbeat`,
  /** HASH of each home: when the VM fell asleep and when its next delayed job is due. */
  vm: `${prefix}:vm`,
  /** STRING of each home that expires: when the current wake began (ms since 1970). */
  waking: `${prefix}:waking`,
  /** LIST of each home: the durations of the last wakes (ms), newest first. */
  wakes: `${prefix}:wakes`,
  /** STRING that expires: "typing…" was shown in this conversation a moment ago. */
  typing: (conversation: string): string => `${prefix}:typing:${conversation}`,
  /** STRING: the worker boot that holds the conversation's Claude Code process. */
  live: (conversation: string): string => `${prefix}:live:${conversation}`,
  /** STRING: there is a dashboard; the relay writes it. */
  dashboard: `${prefix}:dashboard`,
  /**
   * ZSET of the dashboard's signed-out sessions, by when their cookies expire (ms since 1970); each
   * named by the digest of its id.
   */
  endedSessions: `${prefix}:ended-sessions`,
  /** STRING that expires: the reply to a script call, for when the connection sends it again. */
  call: (id: string): string => `${prefix}:call:${id}`,
  /** Pub/sub channel that tells workers about changes to a running turn or a live session. */
  control: `${prefix}:control`,
  /**
   * Pub/sub channel of each home that tells its workers about each accepted message. Separate, so
   * that the relay does not receive its own messages.
   */
  arrivals: `${prefix}:arrivals`,
  /** BullMQ's own keys that our scripts read. */
  job: (queue: string, id: string): string => `${prefix}:${queue}:${id}`,
  jobLog: (queue: string, id: string): string => `${prefix}:${queue}:${id}:logs`,
  jobLock: (queue: string, id: string): string => `${prefix}:${queue}:${id}:lock`,
  deduplication: (queue: string, id: string): string => `${prefix}:${queue}:de:${id}`,
  active: (queue: string): string => `${prefix}:${queue}:active`,
  waitingJobs: (queue: string): string => `${prefix}:${queue}:wait`,
  delayed: (queue: string): string => `${prefix}:${queue}:delayed`,
  stalled: (queue: string): string => `${prefix}:${queue}:stalled`,
  stalledCheck: (queue: string): string => `${prefix}:${queue}:stalled-check`,
} as const;
