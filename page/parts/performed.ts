/** An act by the server, and its end told to the person. */
import { act } from '../connection/api.ts';
import { say } from './toasts.tsx';

/** Acts, and says how it went. */
export async function performed(
  path: string,
  body: Readonly<Record<string, unknown>>,
  what: string,
): Promise<boolean> {
  try {
    await act(path, body);
    say(`${what}: done`);
    return true;
  } catch (thrown) {
    say(`${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { isBad: true });
    return false;
  }
}
