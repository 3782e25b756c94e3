/** Values that throw when read, never end, or cannot be copied. Each is made anew for its test. */

const TRAPS: ProxyHandler<object> = {
  get: () => {
    throw new Error('trap');
  },
  getPrototypeOf: () => {
    throw new Error('trap');
  },
  has: () => {
    throw new Error('trap');
  },
  ownKeys: () => {
    throw new Error('trap');
  },
};

function compiled(): object {
  type Module = new (bytes: Uint8Array) => object;
  const { Module } = (globalThis as unknown as { readonly WebAssembly: { readonly Module: Module } })
    .WebAssembly;
  return new Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
}

function deep(levels: number): object {
  let value: object = {};
  for (let at = 0; at < levels; at += 1) value = { role: 'user', parent: value };
  return value;
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

export const hostileValues: Readonly<Record<string, () => unknown>> = {
  'a getter that throws': () => ({
    get type(): never {
      throw new Error('getter');
    },
    get x(): never {
      throw new Error('getter');
    },
  }),
  'a proxy that throws': () => new Proxy({}, TRAPS),
  'a list that throws': () => new Proxy([], TRAPS),
  'a function that throws': () => new Proxy(() => 1, TRAPS),
  'a revoked proxy': () => revoked({}),
  'a revoked list': () => revoked([]),
  'what is nested without end': () => deep(4_000),
  'what contains itself': () => {
    const value: { self?: unknown } = {};
    value.self = value;
    return value;
  },
  'what is no text': () => ({
    toString(): never {
      throw new Error('no text');
    },
    [Symbol.toPrimitive](): never {
      throw new Error('no text');
    },
  }),
  'an error whose message throws': () =>
    Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('message');
      },
    }),
  'a thenable that throws': () =>
    // oxlint-disable-next-line unicorn/no-thenable
    Object.defineProperty({}, 'then', {
      get: () => {
        throw new Error('then');
      },
    }),
  'a compiled module': () => compiled(),
  'a symbol': () => Symbol('x'),
  'a bigint': () => 10n ** 40n,
  'a text of 100,000 characters': () => 'x'.repeat(100_000),
  'a message port': () => {
    const { port1, port2 } = new MessageChannel();
    port1.close();
    port2.close();
    return port1;
  },
};
