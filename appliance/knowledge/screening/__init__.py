"""What documents hold, and what an organisation's policy makes of it: found, decided, removed or held back, reviewed.

Trusted: this process. Not trusted: the document, and whoever wrote it. What is found is nowhere kept in the clear: a
finding says its rule and place, and what stands around it masked, sealed.
"""
