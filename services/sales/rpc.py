"""Every RPC of the sales service, and the function that answers it."""

from protos.sales_pb2_grpc import SalesServicer
from services.kit.rpc import Door, command, query, workflow
from services.sales import activities, changes, current, leads, lookups, pipeline, qualification

NEIGHBOURS = ("campaigns", "intelligence")
ANYONE = ("gateway", *NEIGHBOURS)


class Sales(Door, SalesServicer):
    CreateLead = workflow(leads.create, callers=ANYONE)
    ListLeads = query(pipeline.list_leads, callers=ANYONE)
    GetLead = query(leads.get, callers=ANYONE)
    UpdateLead = workflow(changes.update)
    AddActivity = command(activities.add, callers=ANYONE)
    QualifyLead = workflow(qualification.qualify, callers=ANYONE)
    DeleteLead = command(leads.delete)

    GetCurrent = query(current.get)
    FindLead = query(lookups.find, callers=NEIGHBOURS)
    ListLeadContacts = query(lookups.list_contacts, callers=NEIGHBOURS)
