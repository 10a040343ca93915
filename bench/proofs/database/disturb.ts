import { type Scene } from "./scene.ts";

/** How often each fault was injected. */
export interface Disturbances extends Record<string, number> {
  kills: number;
  resets: number;
  commits: number;
  freezes: number;
  restarts: number;
}

/** Breaks one thing after the other, as the seed says, for so long; then lets all heal. */
export async function disturb({ admin, line, postgres, random }: Scene, forMs: number): Promise<Disturbances> {
  const done: Disturbances = { kills: 0, resets: 0, commits: 0, freezes: 0, restarts: 0 };
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  for (const end = performance.now() + forMs; performance.now() < end; await pause(20 + 80 * random.next())) {
    const chance = random.next();
    if (chance < 0.45) {
      line.loseNextCommit();
      done.commits += 1;
    } else if (chance < 0.7) {
      await admin(
        `with victim as materialized (select pid from pg_stat_activity
          where application_name = 'proof' order by pid offset $1 limit 1) select pg_terminate_backend(pid) from victim`,
        [Math.floor(10 * random.next())],
      );
      done.kills += 1;
    } else if (chance < 0.88) {
      line.cutAfter(Math.floor(random.next() * 2_000));
      done.resets += 1;
    } else if (chance < 0.95) {
      line.freeze();
      await pause(200 * random.next());
      line.heal();
      done.freezes += 1;
    } else {
      await postgres.stop(random.next() < 0.5 ? "crash" : "fast");
      await postgres.begin();
      done.restarts += 1;
    }
  }
  return done;
}
