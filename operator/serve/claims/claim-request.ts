import { STATE_LABEL } from '../../../src/api/names';
import { MAX_TTL_SECONDS, MAX_WAIT_SECONDS, SESSION_ID } from '../../../src/api/sessions';
import { badRequest, Refusal } from './refusal';

/** The body of a claim, checked. */
export interface ClaimRequest {
  /** Undefined: the service makes one. */
  sessionId?: string;
  waitSeconds: number;
  ttlSeconds?: number;
  selector: Readonly<Record<string, string>>;
}

/** The body of a renewal. */
export interface RenewRequest {
  ttlSeconds: number;
}

const LABEL_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const MAX_LABELS = 32;

/** @throws Refusal 400 that names the field, 415 */
export function parseClaim(body: Buffer, contentType: string | undefined): ClaimRequest {
  const fields = fieldsOf(body, contentType, ['sessionId', 'waitSeconds', 'ttlSeconds', 'selector']);
  const { sessionId, selector = {} } = fields;
  if (sessionId !== undefined) checkSessionId(sessionId);
  const ttlSeconds = wholeNumber(fields, 'ttlSeconds', 1, MAX_TTL_SECONDS);
  return {
    ...(typeof sessionId === 'string' && { sessionId }),
    waitSeconds: wholeNumber(fields, 'waitSeconds', 0, MAX_WAIT_SECONDS) ?? 0,
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    selector: labelsIn(selector),
  };
}

/** @throws Refusal 400 that names the field, 415 */
export function parseRenewal(body: Buffer, contentType: string | undefined): RenewRequest {
  const ttlSeconds = wholeNumber(fieldsOf(body, contentType, ['ttlSeconds']), 'ttlSeconds', 1, MAX_TTL_SECONDS);
  if (ttlSeconds === undefined) throw badRequest('ttlSeconds', `required: 1 to ${MAX_TTL_SECONDS} seconds from now`);
  return { ttlSeconds };
}

/** @throws Refusal 400 */
export function checkSessionId(sessionId: unknown): asserts sessionId is string {
  if (typeof sessionId === 'string' && SESSION_ID.test(sessionId)) return;
  throw badRequest('sessionId', `${shown(sessionId)} is no session id: 1 to 128 of A-Z a-z 0-9 . _ : -`);
}

function fieldsOf(body: Buffer, contentType: string | undefined, known: readonly string[]): Record<string, unknown> {
  if (body.length === 0) return {};
  const [type = ''] = (contentType ?? '').split(';', 1);
  if (type.trim().toLowerCase() !== 'application/json') {
    const given = contentType === undefined ? 'no content-type' : `content-type ${shown(contentType)}`;
    throw new Refusal(415, 'UnsupportedMediaType', `${given}: send application/json`);
  }
  const value = parsed(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest('body', `must be a JSON object with ${known.join(', ')}, not ${shown(value)}`);
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw badRequest(unknown.slice(0, 100), `unknown field; there are ${known.join(', ')}`);
  return value as Record<string, unknown>;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw badRequest('body', 'is not JSON in UTF-8');
  }
}

function wholeNumber(
  fields: Readonly<Record<string, unknown>>,
  field: string,
  min: number,
  max: number,
): number | undefined {
  const value = fields[field];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw badRequest(field, `${shown(value)} is not a whole number from ${min} to ${max}`);
}

function labelsIn(selector: unknown): Record<string, string> {
  if (typeof selector !== 'object' || selector === null || Array.isArray(selector)) {
    throw badRequest('selector', `must be an object of labels, for example {"zone": "a"}, not ${shown(selector)}`);
  }
  const entries = Object.entries(selector);
  if (entries.length > MAX_LABELS) throw badRequest('selector', `has ${entries.length} labels, at most ${MAX_LABELS}`);
  for (const [key, value] of entries) checkLabel(key, value);
  return selector as Record<string, string>;
}

function checkLabel(key: string, value: unknown): void {
  const parts = key.split('/');
  const [prefix, name = ''] = parts.length > 1 ? parts : [undefined, key];
  const isKey = parts.length <= 2 && LABEL_NAME.test(name) && (prefix === undefined || DNS_SUBDOMAIN.test(prefix));
  if (!isKey) throw badRequest('selector', `${shown(key)} is no label key: [prefix/]name`);
  if (typeof value !== 'string' || !LABEL_VALUE.test(value)) {
    throw badRequest('selector', `${shown(value)} of ${key} is no label value: at most 63 of A-Z a-z 0-9 - _ .`);
  }
  // It would never match: the claim itself changes it.
  if (key === STATE_LABEL)
    throw badRequest('selector', `${STATE_LABEL} cannot be asked for: only idle Pods are chosen`);
}

/** What was given, short enough for a message. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
