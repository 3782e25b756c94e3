/** Which fields of a changed spec wait for the next body. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { AgentManifest } from '../definition/manifest.ts';
import type { KeptSpec } from './agent-terms.ts';

/** A body is made from these fields; all others apply to the living body at once. */
const ofBodies = ['initArgs', 'isolation', 'resources'] as const satisfies readonly (keyof KeptSpec)[];

/** Whether a body is made from a field, like `initArgs.from`. */
export function isOfBody(field: string): boolean {
  const [root] = field.split('.');
  return root === 'module' || (ofBodies as readonly (string | undefined)[]).includes(root);
}

interface BodyTerms {
  readonly spec: KeptSpec;
  readonly manifest: AgentManifest;
}

/**
 * @param body what the living body was made from
 * @param isRekeyed whether a secret of its `initArgs` has changed
 */
export function pendingFields(body: BodyTerms, next: BodyTerms, isRekeyed: boolean): readonly string[] {
  const pending: string[] = ofBodies.filter(
    (field) => (field === 'initArgs' && isRekeyed) || !isDeepStrictEqual(body.spec[field], next.spec[field]),
  );
  // For a definition in this program, the kept spec has only its type.
  const isSameCode =
    isDeepStrictEqual(body.spec.module, next.spec.module) &&
    ('url' in next.spec.module || body.manifest.hash === next.manifest.hash);
  return Object.freeze(isSameCode ? pending : ['module', ...pending]);
}
