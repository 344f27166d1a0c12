import type { Account } from './account.ts';
import type { Background } from './background.ts';
import type { Faults } from './faults.ts';
import type { TwinLog } from './log.ts';
import type { TwinMemory } from './memory.ts';
import type { Sender } from './senders.ts';
import { deliverSigned } from './signed-delivery.ts';
import { readWebhookAnswer, type WebhookAnswer } from './twiml.ts';

type Parts = {
  account: Account;
  sender: Sender;
  faults: Faults;
  memory: TwinMemory;
  background: Background;
  log: TwinLog;
};

/**
 * The outcome of an inbound message: the HTTP status of the product's answer (0 for none) and texts
 * for the person.
 */
export type WebhookResult = { status: number; replies: string[] };

/**
 * Delivers inbound messages to the sender's webhook, and to its fallback when that fails for good.
 */
export class Webhooks {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Resolves when Twilio would give up or accept the answer; errors are in the memory's alerts. The
   * fault `webhook-duplicate` makes several deliveries at once; the result is then the first one's.
   */
  async deliver(params: Record<string, string>): Promise<WebhookResult> {
    const copies = this.#parts.faults.take('webhook-duplicate', params)?.copies ?? 1;
    const results = await Promise.all(
      Array.from({ length: copies }, () => this.#deliverOnce(params)),
    );
    return results[0] ?? { status: 0, replies: [] };
  }

  async #deliverOnce(params: Record<string, string>): Promise<WebhookResult> {
    const { sender } = this.#parts;
    if (sender.webhookUrl === undefined) return { status: 0, replies: [] };
    const url = sender.webhookUrl.split('#')[0] ?? '';
    const { status, answer } = await this.#post(sender.webhookUrl, params);
    if (answer.error === undefined || sender.fallbackUrl === undefined)
      return { status, replies: answer.replies };
    const fallback = { ...params, ErrorCode: String(answer.error), ErrorUrl: url };
    const second = await this.#post(sender.fallbackUrl, fallback);
    return { status: second.status, replies: second.answer.replies };
  }

  async #post(
    configured: string,
    params: Record<string, string>,
  ): Promise<{ status: number; answer: WebhookAnswer }> {
    const { account, background, memory, log } = this.#parts;
    const outcome = await deliverSigned(
      configured,
      params,
      account.authToken,
      background.signal,
      (attempt) => {
        memory.webhooks.push(attempt);
      },
    );
    const answer = readWebhookAnswer(outcome);
    if (answer.error !== undefined && !background.signal.aborted) {
      memory.alert(answer.error, configured, params['MessageSid'] ?? '');
      log.warn(
        { code: answer.error, status: outcome.status, url: configured },
        'twilio twin: the webhook failed',
      );
    }
    return { status: outcome.status, answer };
  }
}
