/**
 * Every Redis key of the system, in one place. All share the hash tag `{sidepocket}`, so that a
 * transaction over several of them also works on a Redis Cluster; BullMQ's keys carry it as their
 * prefix.
 */
export const prefix = '{sidepocket}';

export const keys = {
  /**
   * HASH: claim and state of an incoming message. Its existence is what makes a repeated webhook a
   * duplicate, and keeps what was refused (`state refused`) from being taken in later.
   */
  message: (id: string): string => `${prefix}:message:${id}`,
  /**
   * HASH: who may write, in words. `list` says which relay wrote the list and when that one
   * started, `owner` who hears of what needs a person; each other field is an address with `allowed
   * since TIME, by …` or `removed TIME, by …`. Without `list` everybody whom the relay lets in may
   * write.
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
   * STRING that expires after an hour: the owner has heard of this cause; its value is the reply
   * that says so. HASH: the last word about each cause and when it was said, as JSON; expires.
   */
  ownerTold: (cause: string): string => `${prefix}:owner-told:${cause}`,
  ownerWords: `${prefix}:owner-words`,
  /** LIST of messages as JSON, oldest first. A message leaves it last, when it has its answer. */
  inbox: (conversation: string): string => `${prefix}:inbox:${conversation}`,
  /**
   * HASH: how often a worker has begun with each message of the inbox, by the message's id; it goes
   * with the message. `run` names the last pick-up, which is a turn, a colon and BullMQ's number of
   * its run, and the message at the head that it counted.
   */
  attempts: (conversation: string): string => `${prefix}:attempts:${conversation}`,
  /**
   * LIST, newest first: stored entries that this version could not read, as JSON of `at`, `from`
   * (inbox, outbox, failed, schedules), `conversation` and the `entry` as it was. At most 1,000; it
   * expires when none has come for RETENTION_DAYS.
   */
  dead: `${prefix}:dead`,
  /**
   * SET of conversations that have something in their inbox or outbox; the scripts keep it, so that
   * no look goes through all that ever were. SET of those that had something once.
   */
  conversations: `${prefix}:conversations`,
  known: `${prefix}:known`,
  /**
   * SETs of conversations that have replies waiting for the person to write, and messages that were
   * given up.
   */
  parking: `${prefix}:parking`,
  givenUp: `${prefix}:given-up`,
  /**
   * SET of the schedules' runs that a person had on a day (`YYYY-MM-DD`), repeating ones and single
   * ones apart; expires. HASH: what was settled about schedules that run too often.
   */
  scheduleRuns: (conversation: string, day: string, kind: string): string =>
    `${prefix}:schedule-runs:${conversation}:${day}:${kind}`,
  scheduleChoices: (conversation: string): string => `${prefix}:schedule-choices:${conversation}`,
  /**
   * HASH that expires: the runs of a schedule whose answers were parked since the person's last
   * word (`since`). HASH of the schedules that are paused for it, as JSON by their number.
   */
  scheduleParked: (conversation: string, number: number): string =>
    `${prefix}:schedule-parked:${conversation}:${number}`,
  schedulesPaused: (conversation: string): string => `${prefix}:schedules-paused:${conversation}`,
  /**
   * HASH that expires: which schedule a call of a turn has made (`call:ID`), and a request in a run
   * of it (`asked:DIGEST`: run, number).
   */
  scheduleCalls: (turn: string): string => `${prefix}:schedule-calls:${turn}`,
  /**
   * HASH: which conversation an address belongs to that does not name it: a person's user id beside
   * their number, or the other way round.
   */
  aliases: `${prefix}:aliases`,
  /**
   * HASH: what is known of a conversation (its session; the address that wrote last, and when,
   * where it is not the conversation's own; `wroteAt`, when the person has written last, which
   * opens WhatsApp's 24-hour window; which of the project's own programs may run; `failed`, the
   * messages that were given up, and `failedMeta`, when and in which turn each was).
   */
  conversation: (conversation: string): string => `${prefix}:conversation:${conversation}`,
  /** ZSET of a conversation's sessions by last use (ms since 1970), and HASH of their titles. */
  sessions: (conversation: string): string => `${prefix}:sessions:${conversation}`,
  sessionTitles: (conversation: string): string => `${prefix}:session-titles:${conversation}`,
  /** LIST of reply ids, oldest first: what is still to be sent, in order. */
  outbox: (conversation: string): string => `${prefix}:outbox:${conversation}`,
  /** HASH: a reply and its delivery ledger. */
  reply: (id: string): string => `${prefix}:reply:${id}`,
  /** LIST of the ids of a turn's replies, in order. */
  turnReplies: (turn: string): string => `${prefix}:turn-replies:${turn}`,
  /** ZSET of the last replies that failed for good, by when that was known (ms since 1970). */
  failures: `${prefix}:failures`,
  /**
   * HASH: how many replies reached each status, and how often Twilio gave each code, since the
   * beginning.
   */
  counts: `${prefix}:counts`,
  /** STRING: which reply a Twilio message is. */
  sent: (sid: string): string => `${prefix}:sent:${sid}`,
  /** LIST of reply ids that wait for the person to write again (Twilio's 63016). */
  parked: (conversation: string): string => `${prefix}:parked:${conversation}`,
  /**
   * STRINGs that expire: Twilio's content for a definition, and that it does not take one (or
   * `every`).
   */
  content: (digest: string): string => `${prefix}:content:${digest}`,
  contentRefused: (digest: string): string => `${prefix}:content-refused:${digest}`,
  /** STRING: when the next message to this number may go out (ms since 1970). */
  pace: (number: string): string => `${prefix}:pace:${number}`,
  /** HASH about a stored file, and STRINGs with its pieces. */
  file: (token: string): string => `${prefix}:file:${token}`,
  filePiece: (token: string, index: number): string => `${prefix}:file:${token}:${index}`,
  /**
   * ZSET of stored files by expiry (ms since 1970), and HASH of their sizes (bytes): the cap on the
   * total.
   */
  files: `${prefix}:files`,
  fileSizes: `${prefix}:file-sizes`,
  /**
   * HASH: which conversation each stored file belongs to. HASH: when each was first fetched to its
   * end (ms since 1970).
   */
  fileOwners: `${prefix}:file-owners`,
  filesFetched: `${prefix}:files-fetched`,
  /**
   * HASH: the Markdown of a page and when it was written and expires. STRING of random bytes: what
   * the addresses of pages are signed with.
   */
  page: (id: string): string => `${prefix}:page:${id}`,
  pageSecret: `${prefix}:page-secret`,
  /** SET: what a page that grows holds already, by its ids. */
  pageEntries: (id: string): string => `${prefix}:page-entries:${id}`,
  /**
   * ZSET of stored pages by expiry (ms since 1970), and HASH of their sizes (bytes): the cap on the
   * total.
   */
  pages: `${prefix}:pages`,
  pageSizes: `${prefix}:page-sizes`,
  /** STRING: the lease of a worker; its value names the boot that holds it. */
  lease: (worker: string): string => `${prefix}:lease:${worker}`,
  /** STRING: counts the boots of a worker. */
  boots: (worker: string): string => `${prefix}:boots:${worker}`,
  /**
   * HASH: what each conversation has spent on a day (`YYYY-MM-DD`) or in a month (`YYYY-MM`).
   * STRING that expires: this answer is counted.
   */
  spend: (time: string): string => `${prefix}:spend:${time}`,
  spendAnswer: (answer: string): string => `${prefix}:spend-answer:${answer}`,
  /**
   * HASH: which Redis this is (`identity`), a `count` that never goes back, and `since` when it is
   * (ISO 8601; empty when it has always been).
   */
  epoch: `${prefix}:epoch`,
  /** STRING that expires: when the relay last tried whether Redis takes writes (ms since 1970). */
  ready: `${prefix}:ready`,
  /**
   * HASH that expires: what a turn has spent, and what the person has granted it (millionths of a
   * dollar).
   */
  spendTurn: (turn: string): string => `${prefix}:spend-turn:${turn}`,
  /** HASH of the requests to the model that are under way, by their id, as JSON. */
  modelOpen: `${prefix}:model-open`,
  /**
   * STRING that expires: the last sign of life of any worker. Without it the VM is asleep, dead or
   * not there yet.
   */
  heartbeat: `${prefix}:heartbeat`,
  /** HASH: when the VM fell asleep and when its next delayed job is due. */
  vm: `${prefix}:vm`,
  /** STRING that expires: when the wake that is under way began (ms since 1970). */
  waking: `${prefix}:waking`,
  /** LIST: how long the last wakes took (ms), newest first. */
  wakes: `${prefix}:wakes`,
  /** STRING that expires: "typing…" was shown in this conversation a moment ago. */
  typing: (conversation: string): string => `${prefix}:typing:${conversation}`,
  /** STRING: which worker boot holds the conversation's Claude Code process. */
  live: (conversation: string): string => `${prefix}:live:${conversation}`,
  /**
   * ZSET of the dashboard's sessions that were signed out, by when their cookies end (ms since
   * 1970); each named by the digest of its id.
   */
  endedSessions: `${prefix}:ended-sessions`,
  /** STRING that expires: the reply to a script's call, for when the connection sends it again. */
  call: (id: string): string => `${prefix}:call:${id}`,
  /** Pub/sub channel on which workers hear of what concerns a running turn or a live session. */
  control: `${prefix}:control`,
  /**
   * Pub/sub channel on which the workers hear of each message that was accepted. The relay, which
   * does not listen to it, is spared its own words.
   */
  arrivals: `${prefix}:arrivals`,
  /** BullMQ's own keys that our scripts look at. */
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
