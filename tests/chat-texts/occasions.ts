/**
 * When the texts of a source file come and to whom. `parts` names functions and constants of the
 * file whose texts come at another time; 'none' are those that are not for the chat.
 */
export type Occasion = {
  file: string;
  when: string | 'none';
  to?: 'the owner';
  parts?: Record<string, string | 'none'>;
};

/** A part of the table; the texts stand in the order of these lists. */
export const subjects: { title: string; occasions: Occasion[] }[] = [
  {
    title: 'While a message waits',
    occasions: [
      {
        file: 'relay/http/sender-rate-limit.ts',
        when: 'more messages come in a minute than are taken in',
      },
      {
        file: 'relay/wake/home-keeper.ts',
        when: 'the computer sleeps and takes longer to wake',
        parts: {
          tellFailing: 'the computer does not wake up',
          failedWakeWords: 'none',
        },
      },
      {
        file: 'relay/people/no-home.ts',
        when: 'a person writes for the first time and no computer can take them',
        parts: { noHomeWords: 'none' },
      },
      {
        file: 'worker/people/meet.ts',
        when: 'an invited person writes for the first time',
      },
      { file: 'worker/process/slots.ts', when: 'every slot is taken for a second' },
      {
        file: 'worker/turn/dispatch.ts',
        when: 'a message for a turn of its own comes during other work',
        parts: { askWhetherToStop: 'a text during work begins or ends with a stop word' },
      },
      {
        file: 'worker/progress/progress.ts',
        when: 'work takes long',
        parts: { words: 'work takes long: the step, and for how long' },
      },
      { file: 'worker/turn/turn-parts.ts', when: 'work takes long: in its first line' },
      {
        file: 'worker/progress/tool-descriptions.ts',
        when: 'work takes long, in /status and after a stop (…ing); with /verbose (the other form)',
      },
      {
        file: 'worker/turn/window.ts',
        when: 'work may outlast WhatsApp’s 24 hours',
      },
    ],
  },
  {
    title: 'Answers and files',
    occasions: [
      {
        file: 'worker/turn/events.ts',
        when: 'Claude has nothing more to say',
        parts: {
          compactedWords: 'the conversation was replaced by a summary, on request or by itself',
          onSession: 'Claude Code no longer has the session',
          onKind: 'none',
        },
      },
      { file: 'worker/reply/answer.ts', when: 'an answer is longer than a few messages' },
      {
        file: 'worker/tools/chat-tools.ts',
        when: 'none',
        parts: { restWords: 'one task sends very many messages' },
      },
      {
        file: 'worker/turn/suggestions.ts',
        when: 'Claude suggests what may come next (SUGGESTIONS=1)',
        parts: { withSuggestion: 'none' },
      },
      { file: 'worker/turn/ending/renewal.ts', when: 'the API refuses the conversation’s history' },
      { file: 'worker/turn/answered-before.ts', when: 'Redis has lost its latest moments' },
      {
        file: 'worker/tools/outgoing-file.ts',
        when: 'none',
        parts: { label: 'a picture comes with a link: the link’s name' },
      },
      {
        file: 'shared/delivery/deliver.ts',
        when: 'WhatsApp refuses a reply',
        parts: { announceParked: 'a parked answer waits and there is no template' },
      },
      {
        file: 'shared/store/boxes/next-delivery.ts',
        when: 'a stored reply cannot be read',
        parts: { slowWords: 'before the third reply in a row that the send rate delays' },
      },
      {
        file: 'shared/store/boxes/parked.ts',
        when: 'the person is back and parked answers have expired',
      },
      { file: 'shared/store/boxes/dead-letters.ts', when: 'a stored message cannot be read' },
    ],
  },
  {
    title: 'Questions',
    occasions: [
      {
        file: 'worker/questions/question.ts',
        when: 'Claude asks',
        parts: {
          writeAgain: 'a text that neither gives nor refuses an open permission',
          noWords: 'none',
          minutesInWords: 'how long an answer may take',
        },
      },
      {
        file: 'worker/questions/questions.ts',
        when: 'nothing answered the question in time',
        parts: {
          questionFirst: 'a message that is no answer comes while a question is open',
          inTheFile: 'none',
          expire: 'none',
        },
      },
      {
        file: 'worker/questions/asked-questions.ts',
        when: 'a tap on a question that is settled: how it was settled',
        parts: {
          tapSentence: 'a tap that answers nothing',
          recallWords: 'none',
        },
      },
      {
        file: 'worker/questions/settled-questions.ts',
        when: 'a tap on a question that no longer waits',
      },
      { file: 'worker/questions/tools.ts', when: 'none' },
      {
        file: 'worker/agent/claude/approval-request.ts',
        when: 'Claude needs permission',
        parts: { describeAlways: 'what “Yes, always” covers' },
      },
      { file: 'worker/questions/approval-question.ts', when: 'Claude needs permission' },
      { file: 'worker/questions/shown-text.ts', when: 'what is to be allowed may mislead the eye' },
      {
        file: 'worker/questions/plan-question.ts',
        when: 'Claude has planned',
      },
      { file: 'worker/questions/budget.ts', when: 'a budget is used up' },
      { file: 'worker/questions/workspace-trust.ts', when: 'a project brings programs of its own' },
      { file: 'shared/store/choices.ts', when: 'a question cannot have buttons' },
    ],
  },
  {
    title: 'When something failed',
    occasions: [
      {
        file: 'worker/turn/ending/failure-sentence.ts',
        when: 'a turn is given up or waits for a limit',
      },
      {
        file: 'worker/agent/claude/local-command.ts',
        when: 'a command of Claude Code’s cannot run here',
      },
      {
        file: 'worker/turn/format-prompt.ts',
        when: 'a message has nothing that could be read',
        parts: { locationNote: 'none', retryNote: 'none' },
      },
      {
        file: 'worker/media/incoming-file.ts',
        when: 'none',
        parts: {
          unread: 'a file could not be read, and the message has no text',
          reason: 'why a file could not be read',
        },
      },
      {
        file: 'worker/snapshots/format-notices.ts',
        when: 'none',
        parts: { restoredWords: 'files were restored from a snapshot' },
      },
      {
        file: 'worker/moving/words.ts',
        when: 'none',
        parts: {
          movedWords: 'they were moved to another computer',
          secretsLostWords: 'after a move: secrets that did not come along',
        },
      },
      { file: 'worker/media/picture-fault.ts', when: 'why a picture could not be opened' },
      { file: 'shared/twilio/media.ts', when: 'why a file could not be fetched' },
      { file: 'worker/media/transcribing.ts', when: 'why a voice message could not be understood' },
      {
        file: 'worker/media/program.ts',
        when: 'why a voice message could not be understood: what the program did',
      },
      {
        file: 'worker/media/transcriber-command.ts',
        when: 'why a voice message could not be understood',
      },
      {
        file: 'worker/media/transcriber-service.ts',
        when: 'why a voice message could not be understood',
      },
    ],
  },
  {
    title: 'Commands',
    occasions: [
      { file: 'worker/commands/find-command.ts', when: 'a misspelt command' },
      {
        file: 'worker/commands/turn-commands.ts',
        when: '/stop with a number, while something runs in the background',
        parts: { olderWords: '/retry, with more than can be listed', stopWaiting: '/stop' },
      },
      { file: 'worker/turn/ending/outcome.ts', when: 'a stop during work' },
      {
        file: 'worker/turn/format-messages.ts',
        when: 'a message is named',
        parts: { givenUpNote: 'none', withdrawnWords: 'a stop takes back what is not sent yet' },
      },
      { file: 'worker/background/describe.ts', when: 'something runs in the background' },
      { file: 'worker/commands/undo-commands.ts', when: '/undo, /redo' },
      { file: 'worker/commands/watch-commands.ts', when: '/watch' },
      {
        file: 'relay/watch/watch-links.ts',
        when: 'a person taps Stop on the live page of a turn',
      },
      {
        file: 'worker/checkpoints/format-changes.ts',
        when: 'an answer has changed files: its last line, or a message with a button “Undo”',
      },
      { file: 'worker/checkpoints/scripts.ts', when: 'none' },
      { file: 'worker/checkpoints/shadow.ts', when: 'none' },
      { file: 'worker/checkpoints/beyond.ts', when: '/undo: what does not go back with the files' },
      {
        file: 'worker/turn/processor.ts',
        when: 'files were changed, and the answer could not have the line',
      },
      { file: 'worker/background/watch.ts', when: 'none' },
      { file: 'worker/main.ts', when: 'none' },
      { file: 'relay/main.ts', when: 'none' },
      {
        file: 'worker/commands/session-commands.ts',
        when: '/sessions, for a session without a title',
      },
      { file: 'worker/commands/format-age.ts', when: '/sessions: when it was last used' },
      { file: 'worker/commands/report-commands.ts', when: '/status' },
      { file: 'worker/commands/format-cost.ts', when: '/cost' },
      { file: 'worker/commands/model-command.ts', when: '/model with a name that no model has' },
      { file: 'worker/commands/effort-command.ts', when: '/effort: the list' },
      { file: 'worker/commands/setting-commands.ts', when: '/permissions' },
      { file: 'worker/commands/schedule-commands.ts', when: '/schedules' },
      {
        file: 'worker/commands/secret-commands.ts',
        when: '/secret, /secrets, /links',
        parts: {
          outcomeWords: 'a secret was entered on its page',
          takeSecret: 'a secret was entered too long ago',
          withPlace: '/secret, where the worker has no directory of its own',
        },
      },
      { file: 'worker/commands/export-command.ts', when: '/export' },
      {
        file: 'worker/commands/forget-commands.ts',
        when: '/forget',
        parts: {
          reportWords: '/forget, after the yes: what was done',
          stepWords: '/forget, after the yes: the parts',
        },
      },
      { file: 'worker/export/export-document.ts', when: 'none' },
      { file: 'worker/export/export.ts', when: 'none' },
      { file: 'worker/forget/forget.ts', when: 'none' },
      { file: 'worker/forget/home-files.ts', when: 'none' },
      { file: 'relay/links/export-links.ts', when: 'none' },
      { file: 'relay/links/secret-links.ts', when: 'none' },
      { file: 'relay/links/secret-page.ts', when: 'none' },
      { file: 'worker/progress/watch-links.ts', when: 'none' },
      { file: 'worker/progress/short-output.ts', when: 'none' },
    ],
  },
  {
    title: 'Schedules',
    occasions: [
      {
        file: 'worker/schedules/describe.ts',
        when: 'a repeating schedule is new',
        parts: {
          tickText: 'none',
          denseScheduleWords: 'a schedule runs more often than new ones may',
          pausedScheduleWords: 'the last answers of a schedule all wait for the person',
          fullDayWords: 'the schedules have used up the day’s runs',
        },
      },
      { file: 'worker/schedules/describe-cron.ts', when: 'when a schedule comes' },
      {
        file: 'worker/schedules/processor.ts',
        when: 'a schedule is announced or paused',
        parts: { setAside: 'a schedule that is due cannot be read' },
      },
    ],
  },
  {
    title: 'To the owner',
    occasions: [
      {
        file: 'relay/wake/home-keeper.ts',
        when: 'none',
        parts: {
          failedWakeWords: 'the computer, or one of several, does not wake up',
        },
        to: 'the owner',
      },
      {
        file: 'relay/wake/vm.ts',
        when: 'a computer names an address that the relay may not call',
        parts: {
          deadWords:
            'a computer does not come up: another one sends for it, and people go on elsewhere',
        },
        to: 'the owner',
      },
      {
        file: 'relay/people/no-home.ts',
        when: 'none',
        parts: { noHomeWords: 'a person writes for the first time and no computer can take them' },
        to: 'the owner',
      },
      { file: 'shared/store/message.ts', when: 'none' },
      {
        file: 'shared/store/owner.ts',
        when: 'none',
        parts: { noteStartProblem: 'none' },
      },
      {
        file: 'relay/people/membership.ts',
        when: 'people were removed from ALLOWED_SENDERS',
        to: 'the owner',
      },
      {
        file: 'shared/store/boxes/set-aside.ts',
        when: 'a removed person had something waiting',
        parts: { returnedQuestion: 'a removed person is back' },
        to: 'the owner',
      },
      { file: 'worker/commands/people-commands.ts', when: '/people, /limit', to: 'the owner' },
      {
        file: 'worker/commands/invite-commands.ts',
        when: '/invite, /remove',
        parts: { decidedWords: 'a tap under /invite or /remove' },
        to: 'the owner',
      },
      {
        file: 'worker/people/invitation.ts',
        when: 'someone is invited: what to pass on',
        to: 'the owner',
      },
      { file: 'worker/people/read-number.ts', when: '/invite, /remove', to: 'the owner' },
      {
        file: 'worker/commands/owner-only.ts',
        when: '/people, /invite, /remove or /limit of anybody else',
      },
      { file: 'shared/store/redis/redis-memory.ts', when: 'Redis is nearly full', to: 'the owner' },
      {
        file: 'worker/snapshots/format-notices.ts',
        when: 'none',
        parts: {
          failingWords: 'snapshots of a person’s files have failed three times',
          goneWords: 'snapshots are not in the store any more',
          refusedWords: 'a snapshot was refused',
        },
        to: 'the owner',
      },
      {
        file: 'worker/moving/words.ts',
        when: 'none',
        parts: {
          moveFailedWords: 'a person could not be moved to another computer',
          moveStuckWords: 'a moved person’s files cannot be restored yet',
          setAsideWords: 'a computer that is back has files of people who have moved meanwhile',
        },
        to: 'the owner',
      },
    ],
  },
];

/** Files and folders whose texts are for another reader than a person in the chat. */
export const notForTheChat: Record<string, string[]> = {
  'pages and HTTP': ['relay/admin/', 'relay/http/', 'relay/pages/', 'relay/watch/'],
  Claude: [
    'worker/agent/',
    'worker/media/chat-picture.ts',
    'worker/media/contact-card.ts',
    'worker/schedules/limits.ts',
    'worker/schedules/request.ts',
    'worker/schedules/tools.ts',
    'worker/turn/steering.ts',
    'worker/commands/undo-note.ts',
  ],
  'the log and the terminal': [
    'relay/people/allow-list.ts',
    'relay/people/main.ts',
    'relay/people/move-command.ts',
    'relay/people/options.ts',
    'relay/people/restore-command.ts',
    'relay/people/start-move.ts',
    'relay/relay.ts',
    'relay/start-up.ts',
    'shared/runtime/',
    'shared/store/homes/moves.ts',
    'shared/store/redis/redis-check.ts',
    'shared/twilio/parties.ts',
    'shared/twilio/rest.ts',
    'worker/process/',
    'worker/questions/answer-wait.ts',
    'worker/reading/',
    'worker/snapshots/as-person.ts',
    'worker/snapshots/home-lock.ts',
    'worker/snapshots/inventory.ts',
    'worker/snapshots/left-out.ts',
    'worker/snapshots/place.ts',
    'worker/snapshots/restore.ts',
    'worker/snapshots/restores.ts',
    'worker/snapshots/take.ts',
    'worker/turn/mailbox.ts',
    'worker/turn/stop.ts',
    'worker/worker.ts',
  ],
  'nobody: scripts, states and patterns': [
    'shared/store/boxes/outbox.ts',
    'shared/store/boxes/snapshot.ts',
    'shared/store/people.ts',
    'shared/store/page-address.ts',
    'shared/store/redis/script.ts',
    'worker/media/file-type.ts',
    'worker/media/pdf.ts',
    'worker/tools/asked-to-see.ts',
    'worker/turn/stop-words.ts',
    'worker/questions/agreement.ts',
  ],
};
