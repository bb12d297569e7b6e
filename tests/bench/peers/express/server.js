// The peer that the ratios are taken against: Express, drizzle and pg in one process, as such a server is written.
import crypto from "node:crypto";
import { and, desc, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { boolean, date, integer, jsonb, numeric, pgSchema, text, timestamp, uuid } from "drizzle-orm/pg-core";
import express from "express";
import jwt from "jsonwebtoken";
import pg from "pg";

const peer = pgSchema("peer");
const time = (name) => timestamp(name, { withTimezone: true });
const instances = peer.table("instances", { id: uuid("id").primaryKey(), instanceName: text("instance_name") });
const contacts = peer.table("contacts", {
  id: uuid("id").primaryKey(),
  instanceId: uuid("instance_id"),
  phoneNumber: text("phone_number"),
  name: text("name"),
  remoteJid: text("remote_jid"),
  profilePictureUrl: text("profile_picture_url"),
});
const conversations = peer.table("conversations", {
  id: uuid("id").primaryKey(),
  instanceId: uuid("instance_id"),
  contactId: uuid("contact_id"),
  status: text("status"),
  conversationMode: text("conversation_mode"),
  assignedTo: uuid("assigned_to"),
  category: text("category"),
  subcategory: text("subcategory"),
  currentSentiment: text("current_sentiment"),
  sectorId: uuid("sector_id"),
  unreadCount: integer("unread_count"),
  customerMessageCount: integer("customer_message_count"),
  lastMessageAt: time("last_message_at"),
  lastMessagePreview: text("last_message_preview"),
  isLastMessageFromMe: boolean("is_last_message_from_me"),
  metadata: jsonb("metadata"),
  createdAt: time("created_at"),
  updatedAt: time("updated_at"),
});
const messages = peer.table("messages", {
  id: uuid("id").primaryKey(),
  conversationId: uuid("conversation_id"),
  instanceId: uuid("instance_id"),
  messageId: text("message_id"),
  remoteJid: text("remote_jid"),
  content: text("content"),
  messageType: text("message_type"),
  origin: text("origin"),
  isFromMe: boolean("is_from_me"),
  status: text("status"),
  timestamp: time("timestamp"),
  metadata: jsonb("metadata"),
});
const leads = peer.table("leads", {
  id: uuid("id").primaryKey(),
  contactId: uuid("contact_id"),
  conversationId: uuid("conversation_id"),
  sectorId: uuid("sector_id"),
  name: text("name"),
  phone: text("phone"),
  email: text("email"),
  company: text("company"),
  status: text("status"),
  source: text("source"),
  value: numeric("value"),
  probability: integer("probability"),
  expectedCloseDate: date("expected_close_date"),
  assignedTo: uuid("assigned_to"),
  ownerInactive: boolean("owner_inactive"),
  createdBy: uuid("created_by"),
  notes: text("notes"),
  tags: text("tags").array(),
  metadata: jsonb("metadata"),
  pipelineInsight: jsonb("pipeline_insight"),
  leadScore: integer("lead_score"),
  bantBudget: jsonb("bant_budget"),
  bantAuthority: jsonb("bant_authority"),
  bantNeed: jsonb("bant_need"),
  bantTimeline: jsonb("bant_timeline"),
  qualificationData: jsonb("qualification_data"),
  qualifiedAt: time("qualified_at"),
  qualifiedBy: text("qualified_by"),
  lastQualificationAt: time("last_qualification_at"),
  closedAt: time("closed_at"),
  version: integer("version"),
  createdAt: time("created_at"),
  updatedAt: time("updated_at"),
});

const db = drizzle(new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 }));
const app = express();
app.use(express.json({ limit: "50mb" }));

app.post("/webhook", async (request, response) => {
  const { event, instance: name, data } = request.body;
  if (event !== "messages.upsert") return response.json({ received: true, ignored: true });
  const [instance] = await db.select().from(instances).where(eq(instances.instanceName, name));
  const phone = data.key.remoteJid.split("@")[0];
  const at = new Date(data.messageTimestamp * 1000);
  const content = data.message.conversation;
  const known = await db.select().from(contacts).where(and(eq(contacts.instanceId, instance.id), eq(contacts.phoneNumber, phone)));
  const [contact] = known.length
    ? known
    : await db
        .insert(contacts)
        .values({ id: crypto.randomUUID(), instanceId: instance.id, phoneNumber: phone, name: data.pushName, remoteJid: data.key.remoteJid })
        .onConflictDoUpdate({ target: [contacts.instanceId, contacts.phoneNumber], set: { name: data.pushName } })
        .returning();
  const open = await db.select().from(conversations).where(eq(conversations.contactId, contact.id));
  const [conversation] = open.length
    ? open
    : await db
        .insert(conversations)
        .values({ id: crypto.randomUUID(), instanceId: instance.id, contactId: contact.id })
        .onConflictDoUpdate({ target: [conversations.instanceId, conversations.contactId], set: { status: "active" } })
        .returning();
  const stored = await db
    .insert(messages)
    .values({
      id: crypto.randomUUID(),
      conversationId: conversation.id,
      instanceId: instance.id,
      messageId: data.key.id,
      remoteJid: data.key.remoteJid,
      content,
      messageType: "text",
      origin: "customer",
      isFromMe: data.key.fromMe,
      status: "received",
      timestamp: at,
    })
    .onConflictDoNothing()
    .returning({ id: messages.id });
  if (stored.length)
    await db
      .update(conversations)
      .set({
        unreadCount: sql`${conversations.unreadCount} + 1`,
        customerMessageCount: sql`${conversations.customerMessageCount} + 1`,
        lastMessageAt: at,
        lastMessagePreview: content.slice(0, 100),
        isLastMessageFromMe: false,
      })
      .where(eq(conversations.id, conversation.id));
  response.json({ received: true, event, processed: stored.length });
});

app.use((request, response, next) => {
  try {
    request.user = jwt.verify(request.headers.authorization?.split(" ")[1] ?? "", process.env.JWT_SECRET);
    next();
  } catch {
    response.status(401).json({ error: "Invalid token" });
  }
});

const shown = {
  ...Object.fromEntries(Object.entries(conversations).filter(([, column]) => column?.columnType)),
  contactPhone: contacts.phoneNumber,
  contactName: contacts.name,
  contactProfilePictureUrl: contacts.profilePictureUrl,
  instanceName: instances.instanceName,
};
const headers = () =>
  db
    .select(shown)
    .from(conversations)
    .innerJoin(contacts, eq(contacts.id, conversations.contactId))
    .innerJoin(instances, eq(instances.id, conversations.instanceId));

app.get("/conversations", async (request, response) => {
  const limit = Math.min(Number(request.query.limit ?? 50), 200);
  const rows = await headers().orderBy(sql`conversations.recency desc`, desc(conversations.id)).limit(limit);
  response.json({ conversations: rows });
});

app.get("/conversations/:id", async (request, response) => {
  const [conversation] = await headers().where(and(eq(conversations.id, request.params.id)));
  if (!conversation) return response.status(404).json({ error: "Conversation not found" });
  const thread = await db
    .select()
    .from(messages)
    .where(eq(messages.conversationId, request.params.id))
    .orderBy(desc(messages.timestamp), desc(messages.id))
    .limit(Number(request.query.messagesLimit ?? 100));
  response.json({ conversation, messages: thread.reverse() });
});

app.get("/leads", async (request, response) => {
  const limit = Math.min(Number(request.query.limit ?? 50), 200);
  const rows = await db.select().from(leads).orderBy(desc(leads.createdAt), desc(leads.id)).limit(limit);
  const byStatus = await db
    .select({ status: leads.status, count: sql`count(*)::int`, value: sql`sum(${leads.value})::float` })
    .from(leads)
    .groupBy(leads.status);
  response.json({ leads: rows, summary: { byStatus, totalValue: byStatus.reduce((sum, one) => sum + one.value, 0) } });
});

app.listen(Number(process.env.PORT), "127.0.0.1");
