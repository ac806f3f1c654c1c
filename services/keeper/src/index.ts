export { type Keeper, type KeeperOptions, startKeeper } from "./keeper.ts";
export { DEFAULT_KEEPER_SETTINGS, type KeeperSettings } from "./settings.ts";
