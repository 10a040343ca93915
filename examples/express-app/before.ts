// A small Express program that knows nothing of enhanced-integration.
import express from "express";

const app = express();
app.use(express.json());

const favourites = new Map<string, string[]>();

app.get("/favourites/:who", (request, response) => {
  response.json(favourites.get(request.params.who) ?? []);
});

app.post("/favourites/:who", (request, response) => {
  const mine = [...(favourites.get(request.params.who) ?? []), String(request.body.listing)];
  favourites.set(request.params.who, mine);
  response.status(201).json(mine);
});

const server = app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  console.log(`listening on ${JSON.stringify(server.address())}`);
});

process.once("SIGTERM", () => server.close());
