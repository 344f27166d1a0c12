import { Router, urlencoded, type Request, type Response } from 'express';
import { whatsappAddress, type Account } from './account.ts';
import type { Addresses } from './addresses.ts';
import { renderContent } from './content.ts';
import type { Contents } from './contents.ts';
import type { Delivery, Shipment } from './delivery.ts';
import type { FaultName, Faults } from './faults.ts';
import type { CreateAttempt, TwinMemory } from './memory.ts';
import { pageMessages } from './message-page.ts';
import { formatResource, type MessageRecord } from './message-record.ts';
import { parseMessageRequest, readForm, readParams } from './message-request.ts';
import type { Messages } from './messages.ts';
import { Refusal, refuseMethod } from './error-codes.ts';
import { createSid } from './sid.ts';

type Parts = {
  account: Account;
  addresses: Addresses;
  messages: Messages;
  contents: Contents;
  delivery: Delivery;
  faults: Faults;
  memory: TwinMemory;
};

const faultsBefore = [
  'create-429',
  'create-500-before',
  'create-hang-before',
  'create-reset-before',
] as const;
const faultsAfter = [
  'create-500-after',
  'create-hang-after',
  'create-reset-after',
  'create-garbled-after',
] as const;

/**
 * Messages: create, list, fetch, redact (POST with an empty Body) and delete.
 * https://www.twilio.com/docs/messaging/api/message-resource
 */
export function createMessageRoutes(parts: Parts): Router {
  const { account, messages, faults } = parts;
  const routes = Router();
  const base = `/2010-04-01/Accounts/${account.sid}`;
  const form = urlencoded({ extended: false, limit: '64kb' });
  routes
    .route(`${base}/Messages.json`)
    .get((req, res) => {
      const query = new URL(req.originalUrl, 'http://twin').searchParams;
      if (faults.take('list-fails', Object.fromEntries(query)) !== undefined)
        throw new Refusal(20500);
      const lag = faults.take('list-lags', Object.fromEntries(query));
      const youngest = Date.now() - (lag?.ms ?? 0);
      const visible = messages.kept().filter((record) => record.createdAt.getTime() <= youngest);
      res.json(pageMessages(visible, query, `${base}/Messages.json`));
    })
    .post(form, (req, res) => createMessage(parts, req, res))
    .all(refuseMethod);
  routes
    .route(`${base}/Messages/:file`)
    .get((req, res) => void res.json(formatResource(findMessage(messages, req))))
    .post(form, (req, res) => {
      const record = findMessage(messages, req);
      const { Body: body } = readParams(readForm(req.body));
      if (body !== '') throw new Refusal(20001, 'only an empty Body, which redacts, can be set');
      record.body = '';
      res.json(formatResource(record));
    })
    .delete((req, res) => {
      const record = findMessage(messages, req);
      if (faults.take('delete-fails', { MessageSid: record.sid }) !== undefined)
        throw new Refusal(20500);
      messages.remove(record);
      res.status(204).end();
    })
    .all(refuseMethod);
  return routes;
}

async function createMessage(parts: Parts, req: Request, res: Response): Promise<void> {
  const { faults, delivery, memory } = parts;
  const params = readParams(readForm(req.body));
  const attempt: CreateAttempt = {
    params,
    outcome: 'pending',
    sid: undefined,
    code: undefined,
    at: new Date().toISOString(),
  };
  memory.attempts.push(attempt);
  const before = faults.takeFirst(faultsBefore, params);
  if (before !== undefined) return misbehave(before.name, attempt, req, res);
  const { record, shipment } = accept(parts, req, attempt);
  attempt.sid = record.sid;
  // The answer shows the message as it was accepted, even if its state changes before the answer is
  // written.
  const answer = formatResource(record);
  if (faults.take('callback-before-answer', params) === undefined) delivery.start(record, shipment);
  else await delivery.startWithCallback(record, shipment);
  const after = faults.takeFirst(faultsAfter, params);
  if (after !== undefined) return misbehave(after.name, attempt, req, res);
  attempt.outcome = 'accepted';
  res.status(201).json(answer);
}

function accept(
  parts: Parts,
  req: Request,
  attempt: CreateAttempt,
): { record: MessageRecord; shipment: Shipment } {
  const { account, addresses, messages, contents, faults } = parts;
  try {
    const request = parseMessageRequest(readForm(req.body), account);
    const { contentSid } = request;
    const content = contentSid === undefined ? undefined : contents.find(contentSid);
    if (contentSid !== undefined && content === undefined) throw new Refusal(21655, contentSid);
    if (
      content !== undefined &&
      faults.take('content-unusable', readParams(readForm(req.body))) !== undefined
    )
      throw new Refusal(21656, 'this content cannot be used');
    const rendered = content && renderContent(content, request.contentVariables);
    // A list cannot have WhatsApp's approval, and buttons here never asked for it: both serve the
    // 24-hour window only.
    const template = rendered?.list === undefined && rendered?.buttons.length === 0;
    const mediaUrl = rendered?.mediaUrl ?? request.mediaUrl;
    const record = messages.add({
      sid: createSid(mediaUrl === undefined ? 'SM' : 'MM'),
      accountSid: account.sid,
      direction: 'outbound-api',
      from: whatsappAddress(account.number),
      to: whatsappAddress(request.to),
      phone: addresses.phoneOf(request.to),
      body: rendered?.body ?? request.body,
      status: 'queued',
      numMedia: mediaUrl === undefined ? 0 : 1,
      buttons: rendered?.buttons ?? [],
      list: rendered?.list,
      statusCallback: request.statusCallback,
    });
    return { record, shipment: { mediaUrl, template, failure: rendered?.failure } };
  } catch (error) {
    attempt.outcome = 'refused';
    attempt.code = error instanceof Refusal ? error.code : undefined;
    throw error;
  }
}

/**
 * Answers a create according to its fault. A hanging request stays open until the client or the
 * twin's stop ends it.
 */
function misbehave(name: FaultName, attempt: CreateAttempt, req: Request, res: Response): void {
  attempt.outcome = name;
  if (name === 'create-429') throw new Refusal(20429);
  if (name.startsWith('create-500')) throw new Refusal(20500);
  if (name.startsWith('create-reset')) req.socket.resetAndDestroy();
  if (name.startsWith('create-garbled'))
    res.status(201).type('html').send('<html><body>Accepted</body></html>');
}

function findMessage(messages: Messages, req: Request): MessageRecord {
  const { file } = req.params;
  const sid = /^(.+)\.json$/.exec(typeof file === 'string' ? file : '')?.[1];
  const record = sid === undefined ? undefined : messages.findKept(sid);
  if (record === undefined) throw new Refusal(20404, req.path);
  return record;
}
