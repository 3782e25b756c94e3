/**
 * Handlers of the fleet's services: the SDK's own, whose memory is given back as soon as their call is over.
 *
 * The SDK drives each call by a state machine in the memory of a WebAssembly module, and leaves it there until the
 * garbage collector comes by. Meanwhile room for each new one is looked for among thousands: that was a tenth of a node's
 * CPU time. Given back at once, they take the room of one another.
 *
 * I1  It is given back after the SDK's last use of it: its connection is closed, and so is what the SDK does on that.
 * I2  What ends in any other way, by a connection that breaks or a call that is suspended, is left as it was; so is all
 *     with an SDK that keeps it elsewhere.
 */
import {
  type Context,
  handlers,
  type ObjectContext,
  type ObjectHandlerOpts,
  type ObjectSharedContext,
  type ServiceHandlerOpts,
} from '@restatedev/restate-sdk';

type ObjectOptions = ObjectHandlerOpts<unknown, unknown>;
type Handle<Ctx> = (ctx: Ctx, given: unknown) => Promise<unknown>;

/** Of an object: one call at a time for each key. */
export function exclusive(options: ObjectOptions, handle: Handle<ObjectContext>) {
  return handlers.object.exclusive(options, freed(handle));
}

/** Of an object: changes nothing, and waits for no other. */
export function shared(options: ObjectOptions, handle: Handle<ObjectSharedContext>) {
  return handlers.object.shared(options, freed(handle));
}

/** Of a service, which has no keys. */
export function keyless(options: ServiceHandlerOpts<unknown, unknown>, handle: Handle<Context>) {
  return handlers.handler(options, freed(handle));
}

function freed<Ctx extends Context>(handle: Handle<Ctx>): Handle<Ctx> {
  return async (ctx, given) => {
    try {
      return await handle(ctx, given);
    } finally {
      freeOnceOver(ctx);
    }
  };
}

interface Freeable {
  readonly coreVm?: { free?(): void };
}

function freeOnceOver(ctx: Context): void {
  const { coreVm } = ctx as Freeable;
  const { attemptCompletedSignal: over } = ctx.request();
  if (coreVm?.free === undefined || over.aborted) return;
  // The SDK tells it of the end a moment later, and asked for that before this does.
  over.addEventListener('abort', () => setImmediate(() => coreVm.free?.()), { once: true });
}
