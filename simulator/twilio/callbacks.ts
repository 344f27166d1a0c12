import { deliverSigned } from './signed-delivery.ts';
import type { Account } from './account.ts';
import type { Background } from './background.ts';
import type { Faults } from './faults.ts';
import { failureText } from './failures.ts';
import type { TwinMemory } from './memory.ts';
import type { MessageRecord } from './message-record.ts';
import type { Sender } from './senders.ts';

/**
 * The parameters of a status callback for the state a message has now, as captured from Twilio:
 * https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
 */
function formatCallback(record: MessageRecord, senderSid: string): Record<string, string> {
  const { status, errorCode } = record;
  const event = status === 'delivered' ? 'DELIVERED' : 'READ';
  return {
    SmsSid: record.sid,
    SmsStatus: status,
    MessageStatus: status,
    MessageSid: record.sid,
    AccountSid: record.accountSid,
    From: record.from,
    To: record.to,
    ApiVersion: '2010-04-01',
    ChannelPrefix: 'whatsapp',
    // Captures show the number in full only when the message was delivered.
    ChannelToAddress: status === 'delivered' ? record.phone : `${record.phone.slice(0, -4)}XXXX`,
    ...(status === 'read' ? {} : { ChannelInstallSid: senderSid }),
    ...(status === 'sent' ? { StructuredMessage: 'false' } : {}),
    ...(status === 'delivered' || status === 'read' ? { EventType: event } : {}),
    ...(errorCode === undefined
      ? {}
      : { ErrorCode: String(errorCode), ChannelStatusMessage: failureText(errorCode) }),
  };
}

/**
 * Posts the states of outbound messages to their StatusCallback, or else to the sender's status
 * address.
 */
export class Callbacks {
  readonly #parts: {
    account: Account;
    sender: Sender;
    faults: Faults;
    memory: TwinMemory;
    background: Background;
  };

  constructor(parts: {
    account: Account;
    sender: Sender;
    faults: Faults;
    memory: TwinMemory;
    background: Background;
  }) {
    this.#parts = parts;
  }

  /**
   * Fixes the state a message has now.
   * @returns a function that posts it, which resolves when the receiver answered; it never rejects
   * before the twin stops.
   */
  prepare(record: MessageRecord): () => Promise<void> {
    const { account, sender, faults, memory, background } = this.#parts;
    const address = record.statusCallback ?? sender.statusUrl;
    if (address === undefined) return async () => undefined;
    const params = formatCallback(record, sender.sid);
    return async () => {
      if (faults.take('callbacks-dropped', params) !== undefined) {
        const at = new Date().toISOString();
        memory.callbacks.push({
          url: address,
          params,
          headers: {},
          status: 0,
          attempt: 0,
          at,
          dropped: true,
        });
        return;
      }
      const outcome = await deliverSigned(
        address,
        params,
        account.authToken,
        background.signal,
        (attempt) => {
          memory.callbacks.push({ ...attempt, dropped: false });
        },
      );
      const refused = outcome.status < 200 || outcome.status > 299;
      if (refused && !background.signal.aborted)
        memory.alert(outcome.failure === 'ct' ? 11_205 : 11_200, address, record.sid);
    };
  }
}
