/** Requests to the dashboard's API: reads and acts. A refusal is thrown as `Refused`. */
import type { ActReport, Refusal } from '../../src/dashboard/protocol.ts';
import { controlToken, operator, token } from './session.ts';

class Refused extends Error {
  readonly status: number;
  readonly code: Refusal['error']['code'];

  constructor(status: number, { code, message }: Refusal['error']) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A name as a part of an address; `.` and `..` would be steps in it. */
export function part(name: string): string {
  return /^\.\.?$/.test(name) ? `id=${name}` : encodeURIComponent(name);
}

/** @throws Refused, or TypeError where the server cannot be reached */
export async function ask<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(`./api/${path}`, {
    headers: { Authorization: `Bearer ${token.value}` },
    ...(signal ? { signal } : {}),
  });
  return answerOf<Answer>(response);
}

/** @throws Refused, or TypeError where the server cannot be reached */
export async function act(path: string, body: Readonly<Record<string, unknown>> = {}): Promise<ActReport> {
  const by = operator.value.trim();
  const response = await fetch(`./api/${path}`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token.value}`,
      'Content-Type': 'application/json',
      'X-Control-Token': controlToken.value ?? '',
    },
    body: JSON.stringify({ ...body, ...(by === '' ? {} : { by }) }),
  });
  return answerOf<ActReport>(response);
}

/** Whether the second secret is correct. */
export async function isRight(secret: string): Promise<boolean> {
  const response = await fetch('./api/control', {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token.value}`,
      'Content-Type': 'application/json',
      'X-Control-Token': secret,
    },
    body: '{}',
  });
  return response.ok;
}

async function answerOf<Answer>(response: Response): Promise<Answer> {
  if (response.ok) return (await response.json()) as Answer;
  const { error } = (await response.json().catch(() => ({}))) as Partial<Refusal>;
  throw new Refused(response.status, error ?? { code: 'FAILED', message: `answered ${response.status}` });
}
