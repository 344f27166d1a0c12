import express, { Router } from 'express';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { SystemState } from '../chat.ts';
import type { ChatSource, TurnState } from './chat-source.ts';
import type { EventStream } from './event-stream.ts';
import {
  mediaBytesMax,
  messageSidPattern,
  tooLarge,
  isPhone,
  parsePhoneInput,
} from './phone-input.ts';

/** Base64 makes three bytes into four characters; the rest of the JSON needs little. */
const bodyBytesMax = Math.ceil(mediaBytesMax / 3) * 4 + 512 * 1024;

type Sources = {
  chat: ChatSource;
  events: EventStream;
  system: () => SystemState;
  turnState: (sid: string) => Promise<TurnState>;
  allow?: (phone: string) => Promise<void>;
};

const checkPhone: RequestHandler<{ phone: string }> = (request, response, next) => {
  if (isPhone(request.params.phone)) return next();
  response.status(400).json({
    error: `"${request.params.phone}" is not a phone number in international form, such as +15555550100.`,
  });
};

/** The API under /api. Every refusal is JSON with one sentence in `error`. */
export function createPhoneRoutes({ chat, events, system, turnState, allow }: Sources): Router {
  const router = Router();
  router.use((_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    next();
  });
  router.get('/system', (_request, response) => response.json(system()));
  router.get('/events', (request, response) => events.attach(request, response));
  router.get('/chats/:phone', checkPhone, (request, response) =>
    response.json(chat.messages(request.params.phone, request.query['underway'] === '1')),
  );
  router.post(
    '/chats/:phone',
    checkPhone,
    requireJson,
    express.json({ limit: bodyBytesMax }),
    async (request, response) => {
      const parsed = parsePhoneInput(request.body);
      if (!parsed.ok) return response.status(parsed.status).json({ error: parsed.error });
      try {
        return response.json(await chat.receive(request.params.phone, parsed.input));
      } catch (error) {
        if (error instanceof RangeError) return response.status(400).json({ error: error.message });
        throw error;
      }
    },
  );
  router.post('/chats/:phone/read', checkPhone, requireJson, (request, response) => {
    chat.markRead(request.params.phone);
    response.status(204).end();
  });
  router.post('/chats/:phone/close-window', checkPhone, requireJson, (request, response) => {
    chat.closeWindow(request.params.phone);
    response.status(204).end();
  });
  router.post('/chats/:phone/allow', checkPhone, requireJson, async (request, response) => {
    if (!allow)
      return response
        .status(400)
        .json({ error: 'Add the number to ALLOWED_SENDERS and start the relay again.' });
    await allow(request.params.phone);
    return response.status(204).end();
  });
  router.get('/turns/:sid', async (request, response) => {
    if (!messageSidPattern.test(request.params.sid))
      return response.status(400).json({ error: `"${request.params.sid}" is not a message sid.` });
    return response.json({ state: await turnState(request.params.sid) });
  });
  router.use((request, response) =>
    response
      .status(404)
      .json({ error: `There is no ${request.method} ${request.baseUrl}${request.path}.` }),
  );
  return router;
}

/**
 * A foreign web page cannot send JSON here without asking first (CORS preflight), so asking for it
 * keeps such pages out.
 */
const requireJson: RequestHandler<{ phone: string }> = (request, response, next) => {
  if (request.is('application/json')) return next();
  response.status(415).json({ error: 'Send JSON with Content-Type: application/json.' });
};

/** Turns an error into JSON; `report` gets the details that the person does not need to see. */
export function createErrorAnswer(report: (error: unknown) => void): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) return next(error);
    const status =
      error instanceof Error && 'status' in error && typeof error.status === 'number'
        ? error.status
        : 500;
    if (status === 413) return response.status(413).json({ error: tooLarge });
    if (status < 500)
      return response
        .status(status)
        .json({ error: 'The request could not be read: is it valid JSON?' });
    report(error);
    return response
      .status(500)
      .json({ error: 'The simulator could not do that. Its log says why.' });
  };
}
