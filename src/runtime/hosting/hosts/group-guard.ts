/**
 * Ends process groups whose program is gone, however it went: a shell that waits for the end of its input, and then
 * kills every group that it was told of and that was not taken back. On Linux it also kills what has left such a group,
 * but not the session that its leader led.
 *
 * Owns that one process. It is in a session of its own, keeps no program alive, and is started with the first group.
 *
 * I1  A group that was watched and not released does not outlive the program, a kill with -9 included. A shell that was
 *     killed itself has a successor.
 * I2  Where there is no such shell, nothing is watched, and nothing fails. Where descriptors have run out, it is
 *     started with the next group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { descriptorLack } from './spare-descriptors.ts';

const SCRIPT = `trap '' INT TERM HUP
groups=' '
while read -r what group; do
  case $what in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
  esac
done
[ "$groups" = ' ' ] && exit
for group in $groups; do kill -s KILL -- "-$group"; done
read -r self rest </proc/self/stat && [ "$self" = "$$" ] || exit
for look in 1 2 3 4 5 6 7 8 9; do
  left=
  for stat in /proc/[0-9]*/stat; do
    last=
    while read -r line; do last=$line; done <"$stat"
    set -- \${last##*) }
    case $groups in *" \${4:-none} "*) kill -s KILL -- "-$3"; [ "$1" = Z ] || left=1 ;; esac
  done
  [ "$left" ] || break
done`;

const ignore = (): void => {};

export class GroupGuard {
  readonly #command: string;
  #shell: ChildProcess | undefined;
  readonly #groups = new Set<number>();
  #isClosed = false;

  /** @param command a POSIX shell; default `sh` */
  constructor(command = 'sh') {
    this.#command = command;
  }

  watch(group: number): void {
    if (this.#isClosed) return;
    this.#groups.add(group);
    if (this.#shell === undefined) this.#start();
    else this.#shell.stdin?.write(`+ ${group}\n`);
  }

  release(group: number): void {
    this.#groups.delete(group);
    this.#shell?.stdin?.write(`- ${group}\n`);
  }

  /** What is still watched is killed. */
  close(): void {
    this.#isClosed = true;
    this.#shell?.stdin?.end();
  }

  #start(): void {
    // With the next group there may be enough.
    if (descriptorLack() !== undefined) return;
    const shell = spawn(this.#command, ['-c', SCRIPT], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    shell.on('error', ignore);
    shell.stdin?.on('error', ignore);
    // A shell that ends by itself is none: it would only end again.
    shell.on('exit', (_, signal) => signal === 'SIGKILL' && this.#killed());
    shell.unref();
    (shell.stdin as { unref?(): void } | null)?.unref?.();
    for (const group of this.#groups) shell.stdin?.write(`+ ${group}\n`);
    this.#shell = shell;
  }

  /** Somebody has killed the shell, the kernel for its memory say. */
  #killed(): void {
    this.#shell = undefined;
    if (!this.#isClosed && this.#groups.size > 0) this.#start();
  }
}

/** Whether processes of this system have groups that can be ended as a whole. */
export const hasGroups = process.platform !== 'win32';

/** Whether any process of a group is left, one that waits to be reaped included. */
export function isGroupThere(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

/** Kills all of a group, its leader included. One that is gone is no fault. */
export function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
