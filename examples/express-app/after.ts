// The same program with enhanced-integration: request ids, deadlines, users, limits, problems, health, metrics, search.
import express from "express";
import { createIntegration, loadEnv } from "enhanced-integration";
import { integrationMiddleware, opsRouter, problemDetails, rateLimit, requireUser } from "enhanced-integration/express";

const integration = createIntegration(loadEnv());
const app = express();
app.use(integrationMiddleware(integration));
app.use("/ops", opsRouter(integration));
app.use(express.json());

const favourites = new Map<string, string[]>();

app.get("/search", requireUser(integration), rateLimit(integration, "search"), async (request, response) => {
  const text = typeof request.query["q"] === "string" ? request.query["q"] : "";
  response.json(await integration.listings.search({ text, limit: 5 }));
});

app.get("/favourites/:who", (request, response) => {
  response.json(favourites.get(request.params.who) ?? []);
});

app.post("/favourites/:who", (request, response) => {
  const mine = [...(favourites.get(request.params.who) ?? []), String(request.body.listing)];
  favourites.set(request.params.who, mine);
  response.status(201).json(mine);
});

app.use(problemDetails(integration));
const server = app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  console.log(`listening on ${JSON.stringify(server.address())}`);
});

process.once("SIGTERM", () => server.close());
server.once("close", () => void integration.close());
