import { Router, urlencoded } from 'express';
import type { Faults } from './faults.ts';
import type { TwinMemory } from './memory.ts';
import { readForm, readParams } from './message-request.ts';
import type { Messages } from './messages.ts';
import { Refusal, refuseMethod } from './error-codes.ts';

/**
 * How long the indicator shows unless a message comes first, in milliseconds (Twilio's page on
 * typing indicators).
 */
const typingMs = 25_000;

/**
 * POST /v2/Indicators/Typing.json: shows "typing" on the phone and marks the message as read.
 * https://www.twilio.com/docs/whatsapp/api/typing-indicators-resource
 */
export function createTypingRoutes(messages: Messages, faults: Faults, memory: TwinMemory): Router {
  const routes = Router();
  routes
    .route('/v2/Indicators/Typing.json')
    .post(urlencoded({ extended: false }), (req, res) => {
      const { messageId = '', channel = '' } = readParams(readForm(req.body));
      const request = { messageId, channel, status: 200, at: new Date().toISOString() };
      memory.typing.push(request);
      try {
        if (faults.take('typing-fails', { messageId, channel }) !== undefined)
          throw new Refusal(20500);
        showTyping(messages, messageId, channel);
      } catch (error) {
        request.status = error instanceof Refusal ? error.status : 500;
        throw error;
      }
      res.json({ success: true });
    })
    .all(refuseMethod);
  return routes;
}

function showTyping(messages: Messages, messageId: string, channel: string): void {
  if (channel.toLowerCase() !== 'whatsapp')
    throw new Refusal(20001, `channel must be "whatsapp", not "${channel}"`);
  if (!/^(SM|MM)[0-9a-fA-F]{32}$/.test(messageId)) {
    throw new Refusal(
      20001,
      `messageId must be SM or MM and 32 hexadecimal digits, not "${messageId}"`,
    );
  }
  const record = messages.find(messageId);
  if (record?.direction !== 'inbound') throw new Refusal(20404, `no inbound message ${messageId}`);
  messages.markSeen(record);
  const until = new Date(Date.now() + typingMs).toISOString();
  messages.emit({ kind: 'typing', phone: record.phone, until });
}
