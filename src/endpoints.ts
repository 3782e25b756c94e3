/** `mabeam/endpoints`: liveness, readiness and metrics of a running system over HTTP. Needs no further package. */
export {
  createEndpoints,
  type Endpoints,
  type EndpointsOptions,
  type MetricsSource,
} from './endpoints/endpoints.ts';
export type { ReadinessCheck } from './endpoints/readiness.ts';
