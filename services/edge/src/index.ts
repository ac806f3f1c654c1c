export { type Edge, type EdgeOptions, type EdgeSettings, startEdge } from "./edge.ts";
export { DEFAULT_EDGE_LIMITS, type EdgeLimits } from "./limits.ts";
